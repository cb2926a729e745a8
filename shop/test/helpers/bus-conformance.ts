/** What every driver of the bus must do. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { until } from "../../../testing/until.ts";
import {
  type Bus,
  BusError,
  type ConsumeOptions,
  UnprocessableMessage,
} from "../../src/bus/bus.ts";
import type { CloudEvent } from "../../src/bus/cloud-event.ts";

export interface BusUnderTest {
  /** A new connection to the same broker, closed after the test. */
  open(): Bus;
  /** As an operator would: its messages are gone. */
  deleteQueue(queue: string): Promise<void>;
  /** Puts a body into the queue as it is. */
  putRaw(queue: string, body: string): Promise<void>;
  /** Bodies that are no CloudEvents, which the broker accepts all the same. */
  readonly invalidBodies: readonly string[];
  /** With which a child process opens the same bus. */
  readonly environment: Readonly<Record<string, string>>;
}

type Setup = (t: TestContext) => Promise<BusUnderTest>;

export interface Recorder {
  readonly handled: string[];
  readonly options: ConsumeOptions;
}

export function newQueue(): string {
  return `q-${randomUUID().slice(0, 8)}`;
}

/** Its type is bound to the queue of the same name. */
export function messageFor(queue: string, data: unknown = { order: 1 }): CloudEvent {
  return {
    specversion: "1.0",
    id: randomUUID(),
    source: "/test",
    type: `test.${queue}`,
    subject: "order 1",
    time: new Date().toISOString(),
    datacontenttype: "application/json",
    data,
  };
}

export function recorder(queue: string, changes: Partial<ConsumeOptions> = {}): Recorder {
  const handled: string[] = [];
  return {
    handled,
    options: {
      queue,
      types: [`test.${queue}`],
      prefetch: 5,
      deliveryLimit: 3,
      retryDelaysMs: [20, 40],
      handle({ id }) {
        handled.push(id);
        return Promise.resolve();
      },
      ...changes,
    },
  };
}

/** Consumes and waits until the queue is declared. */
export async function consuming(
  bus: Bus,
  options: ConsumeOptions,
): Promise<ReturnType<Bus["consume"]>> {
  const consumer = bus.consume(options);
  await until(() => consumer.state === "consuming", { what: `consumption of ${options.queue}` });
  return consumer;
}

/** Subtests of `t`. */
export async function busConformance(t: TestContext, setup: Setup): Promise<void> {
  await deliveries(t, setup);
  await failures(t, setup);
  await lostConsumers(t, setup);
}

async function deliveries(suite: TestContext, setup: Setup): Promise<void> {
  await suite.test(
    "a message reaches every queue that its type is bound to, unchanged, and no other",
    async (t) => {
      const bus = (await setup(t)).open();
      const [first, second, other] = [newQueue(), newQueue(), newQueue()];
      const received = new Map<string, CloudEvent[]>();
      for (const queue of [first, second, other]) {
        received.set(queue, []);
        const types = queue === other ? [`test.${other}`] : [`test.${first}`];
        const { options } = recorder(queue, {
          types,
          handle: (message) => {
            received.get(queue)?.push(message);
            return Promise.resolve();
          },
        });
        await consuming(bus, options);
      }
      const data = { total: "12.30", name: "Çay bardağı 😀", list: [null, true, 1.5] };
      const sent = [messageFor(first, data), messageFor(first, data), messageFor(other)];
      await bus.publish(sent);
      await until(() => received.get(first)?.length === 2 && received.get(second)?.length === 2, {
        what: "both messages in both queues",
      });
      const byId = (list: readonly CloudEvent[] = []) =>
        list.toSorted((a, b) => a.id.localeCompare(b.id));
      assert.deepEqual(byId(received.get(first)), byId(sent.slice(0, 2)));
      assert.deepEqual(byId(received.get(second)), byId(sent.slice(0, 2)));
      await until(() => received.get(other)?.length === 1, { what: "the third in its queue" });
      assert.deepEqual(received.get(other), sent.slice(2));
    },
  );

  await suite.test("a message that reaches no queue is an error, not silence", async (t) => {
    const bus = (await setup(t)).open();
    const queue = newQueue();
    await assert.rejects(
      bus.publish([messageFor(queue)]),
      (error) => error instanceof BusError && error.code === "unroutable",
    );
    const { handled, options } = recorder(queue);
    await consuming(bus, options);
    const message = messageFor(queue);
    await bus.publish([message]);
    await until(() => handled.length === 1, { what: "the message after the declaration" });
    assert.deepEqual(handled, [message.id]);
  });

  await suite.test(
    "no more messages are handled at the same time than prefetch says",
    async (t) => {
      const bus = (await setup(t)).open();
      const queue = newQueue();
      let running = 0;
      const waiting: (() => void)[] = [];
      let most = 0;
      let ended = 0;
      const { options } = recorder(queue, {
        prefetch: 2,
        async handle() {
          running += 1;
          most = Math.max(most, running);
          await new Promise<void>((resolve) => waiting.push(resolve));
          running -= 1;
          ended += 1;
        },
      });
      await consuming(bus, options);
      await bus.publish(Array.from({ length: 6 }, () => messageFor(queue)));
      while (ended < 6) {
        await until(() => waiting.length === Math.min(2, 6 - ended), { what: "two handlers" });
        waiting.shift()?.();
        const before = ended;
        await until(() => ended > before, { what: "the end of a handler" });
      }
      assert.equal(most, 2);
    },
  );

  await suite.test(
    "close lets the running handler end and acknowledge, and leaves the rest to others",
    async (t) => {
      const place = await setup(t);
      const bus = place.open();
      const queue = newQueue();
      const begun: string[] = [];
      let finish = () => {};
      const { options } = recorder(queue, {
        prefetch: 1,
        async handle({ id }) {
          begun.push(id);
          await new Promise<void>((resolve) => {
            finish = resolve;
          });
        },
      });
      const consumer = await consuming(bus, options);
      const sent = [messageFor(queue), messageFor(queue), messageFor(queue)];
      await bus.publish(sent);
      await until(() => begun.length === 1, { what: "the first handler" });
      const closed = consumer.close();
      finish();
      await closed;
      assert.equal(consumer.state, "closed");
      assert.equal(begun.length, 1);

      const next = recorder(queue);
      await consuming(place.open(), next.options);
      await until(() => next.handled.length >= 2, { what: "the other two messages" });
      assert.deepEqual([...begun, ...next.handled].toSorted(), sent.map(({ id }) => id).toSorted());
    },
  );
}

async function failures(suite: TestContext, setup: Setup): Promise<void> {
  await suite.test(
    "a failed message comes back after its delay, and is a dead letter after the delivery limit",
    async (t) => {
      const bus = (await setup(t)).open();
      const queue = newQueue();
      let calls = 0;
      const { options } = recorder(queue, {
        handle() {
          calls += 1;
          return Promise.reject(new Error(`failure ${calls}`));
        },
      });
      await consuming(bus, options);
      const message = messageFor(queue);
      await bus.publish([message]);
      const deadLetters = bus.deadLetters(queue);
      const [letter] = await until(
        async () => {
          const list = await deadLetters.list();
          return list.length > 0 && list;
        },
        { what: "the dead letter" },
      );
      assert.equal(calls, 3);
      assert.equal(letter?.id, message.id);
      assert.deepEqual(JSON.parse(letter?.body ?? ""), message);
      assert.equal(letter?.reason, "failure 3");
      assert.equal(letter?.deliveries, 3);
    },
  );

  await suite.test(
    "a handler that fails once is called again and its message acknowledged",
    async (t) => {
      const bus = (await setup(t)).open();
      const queue = newQueue();
      const handled: string[] = [];
      const { options } = recorder(queue, {
        handle({ id }) {
          handled.push(id);
          return handled.length === 1 ? Promise.reject(new Error("once")) : Promise.resolve();
        },
      });
      await consuming(bus, options);
      const message = messageFor(queue);
      await bus.publish([message]);
      await until(() => handled.length === 2, { what: "the second delivery" });
      assert.deepEqual(handled, [message.id, message.id]);
      assert.deepEqual(await bus.deadLetters(queue).list(), []);
    },
  );

  await suite.test(
    "a message that no retry can help is a dead letter at once; it can be replayed or discarded",
    async (t) => {
      const place = await setup(t);
      const bus = place.open();
      const queue = newQueue();
      let isRepaired = false;
      const calls: string[] = [];
      const { options } = recorder(queue, {
        handle({ id }) {
          calls.push(id);
          return isRepaired
            ? Promise.resolve()
            : Promise.reject(new UnprocessableMessage("bad data"));
        },
      });
      await consuming(bus, options);
      const [first, second] = [messageFor(queue), messageFor(queue)];
      await bus.publish([first, second]);
      for (const body of place.invalidBodies) await place.putRaw(queue, body);
      const deadLetters = bus.deadLetters(queue);
      const expected = 2 + place.invalidBodies.length;
      const list = await until(
        async () => {
          const found = await deadLetters.list();
          return found.length === expected && found;
        },
        { what: `${expected} dead letters` },
      );
      assert.deepEqual(calls.toSorted(), [first.id, second.id].toSorted());
      assert.equal(list.find(({ id }) => id === first.id)?.reason, "bad data");
      const invalid = list.filter(({ reason }) => reason.startsWith("no CloudEvent: "));
      assert.deepEqual(invalid.map(({ body }) => body).toSorted(), place.invalidBodies.toSorted());

      isRepaired = true;
      assert.equal(await deadLetters.replay(first.id), true);
      await until(() => calls.length === 3, { what: "the replayed message" });
      assert.equal(calls[2], first.id);
      assert.equal(await deadLetters.discard(second.id), true);
      assert.equal(await deadLetters.discard(second.id), false);
      assert.equal(await deadLetters.replay("unknown"), false);
      const left = (await deadLetters.list()).map(({ body }) => body);
      assert.deepEqual(left.toSorted(), place.invalidBodies.toSorted());
    },
  );
}

async function lostConsumers(suite: TestContext, setup: Setup): Promise<void> {
  await suite.test(
    "the messages of a killed consumer come back, and are dead letters when they kill every consumer",
    async (t) => {
      const place = await setup(t);
      const bus = place.open();
      const queue = newQueue();
      await (await consuming(bus, recorder(queue).options)).close();
      const message = messageFor(queue);
      await bus.publish([message]);
      await killWhileHandling(t, { place, queue, id: message.id });
      await killWhileHandling(t, { place, queue, id: message.id });
      await killWhileHandling(t, { place, queue, id: message.id });
      const after = recorder(queue);
      await consuming(bus, after.options);
      const [letter] = await until(
        async () => {
          const list = await bus.deadLetters(queue).list();
          return list.length > 0 && list;
        },
        { what: "the dead letter of the message that killed three consumers" },
      );
      assert.equal(letter?.id, message.id);
      assert.deepEqual(after.handled, []);
    },
  );

  await suite.test(
    "a deleted queue is declared again, its consumer learns that messages are missing, and consumption resumes",
    async (t) => {
      const place = await setup(t);
      const bus = place.open();
      const queue = newQueue();
      let missing = 0;
      const changes: Partial<ConsumeOptions> = {
        missing() {
          missing += 1;
          // a failed note must not be forgotten
          return missing === 1 ? Promise.reject(new Error("not now")) : Promise.resolve();
        },
      };
      const { handled, options } = recorder(queue, changes);
      const first = await consuming(bus, options);
      assert.equal(missing, 2);
      await first.close();
      await consuming(bus, options);
      assert.equal(missing, 2);
      await place.deleteQueue(queue);
      await until(() => missing === 3, { what: "the consumer to find its queue missing" });
      const message = messageFor(queue);
      await until(
        () =>
          bus.publish([message]).then(
            () => true,
            () => false,
          ),
        { what: "a route" },
      );
      await until(() => handled.includes(message.id), { what: "a message of the new queue" });
    },
  );
}

interface Kill {
  readonly place: BusUnderTest;
  readonly queue: string;
  readonly id: string;
}

async function killWhileHandling(t: TestContext, { place, queue, id }: Kill): Promise<void> {
  const script = fileURLToPath(new URL("./stuck-consumer.ts", import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [script, queue, "3"], {
    env: { PATH: process.env["PATH"], ...place.environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  assert.ok(child.stdout);
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  await until(() => lines.includes(id), { what: "the child to take the message" });
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}
