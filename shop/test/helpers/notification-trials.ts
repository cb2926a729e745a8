/** Order messages that must each have one effective notification, whatever happens in between. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { TestContext } from "node:test";
import { listenLocally } from "../../../testing/local-port.ts";
import { until } from "../../../testing/until.ts";
import type { Bus } from "../../src/bus/bus.ts";
import type { CloudEvent } from "../../src/bus/cloud-event.ts";
import { queryShop } from "./databases.ts";
import { orderMessage } from "./notification-service.ts";
import type { ShopProcess } from "./services.ts";

export interface Receiver {
  readonly url: string;
  /** Every call, repeated ones included: the id of the notification and its order. */
  readonly calls: readonly { readonly key: string; readonly orderId: string }[];
  /** While held, calls are received and not answered. */
  hold(isHeld: boolean): void;
}

/** A webhook receiver that notes every call. */
export async function startReceiver(t: TestContext): Promise<Receiver> {
  const calls: { key: string; orderId: string }[] = [];
  let isHeld = false;
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const body = JSON.parse(Buffer.concat(parts).toString()) as { order_id: string };
      calls.push({ key: String(request.headers["idempotency-key"]), orderId: body.order_id });
      if (!isHeld) response.writeHead(204).end();
    });
  });
  const url = `http://127.0.0.1:${await listenLocally(t, server)}`;
  return {
    url,
    calls,
    hold(held) {
      isHeld = held;
    },
  };
}

export interface Orders {
  /** Everything that was published. */
  readonly messages: readonly CloudEvent[];
  /** Publishes new messages as an outbox does: again and again until all are confirmed. */
  publish(count: number): Promise<void>;
  /** Publishes everything again, as orders does after a lost queue. */
  replay(): Promise<void>;
}

export function createOrders(bus: Bus): Orders {
  const messages: CloudEvent[] = [];
  const untilConfirmed = (batch: readonly CloudEvent[]) =>
    until(
      () =>
        bus.publish(batch).then(
          () => true,
          () => false,
        ),
      { what: "the confirmation of the bus", everyMs: 100 },
    );
  return {
    messages,
    async publish(count) {
      const batch = Array.from({ length: count }, () => orderMessage());
      messages.push(...batch);
      await untilConfirmed(batch);
    },
    async replay() {
      await untilConfirmed(messages);
    },
  };
}

interface KillRounds {
  readonly kills: number;
  readonly start: () => Promise<ShopProcess>;
  readonly orders: Orders;
  readonly receiver: Receiver;
}

/** Publishes and kills the service, at another point of its work in each round. */
export async function killRounds({ kills, start, orders, receiver }: KillRounds): Promise<void> {
  for (let round = 0; round < kills; round += 1) {
    const service = await start();
    const before = receiver.calls.length;
    // in every third round it dies while its calls are not answered
    const isHeld = round % 3 === 2;
    receiver.hold(isHeld);
    await orders.publish(12);
    const wanted = before + (isHeld ? 1 : 1 + ((round * 5) % 11));
    await until(() => receiver.calls.length >= wanted, { what: "calls of the webhook" });
    await service.kill();
    receiver.hold(false);
  }
}

interface Stored {
  readonly message_id: string;
  readonly channel: string;
  readonly state: string;
  readonly id: string;
}

export async function stored(url: string): Promise<readonly Stored[]> {
  return queryShop<Stored>(url, "select id, message_id, channel, state from notification");
}

/** Waits until every message has been sent, and then checks that each was effective once. */
export async function everyOneOnce(
  orders: Orders,
  { database, receiver }: { readonly database: string; readonly receiver: Receiver },
): Promise<void> {
  const ids = orders.messages.map(({ id }) => id);
  let missing = ids.length;
  await until(
    async () => {
      const sent = (await stored(database)).filter(({ state }) => state === "sent");
      const both = ids.filter((id) => sent.filter((one) => one.message_id === id).length >= 2);
      missing = ids.length - both.length;
      return missing === 0;
    },
    { what: () => `the notifications of ${missing} of ${ids.length} messages`, everyMs: 100 },
  );
  assertOnce(orders, await stored(database), receiver);
}

/** One row and one idempotency key for each message and channel, and nothing else. */
export function assertOnce(orders: Orders, rows: readonly Stored[], receiver: Receiver): void {
  const expected = orders.messages.flatMap(({ id }) => [`${id} log`, `${id} webhook`]);
  const found = rows.map(({ message_id, channel }) => `${message_id} ${channel}`);
  assert.deepEqual(found.toSorted(), expected.toSorted());
  const webhooks = rows.filter(({ channel }) => channel === "webhook").map(({ id }) => id);
  const keys = new Set(receiver.calls.map(({ key }) => key));
  assert.deepEqual([...keys].toSorted(), webhooks.toSorted());
}
