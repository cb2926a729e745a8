import type { AsyncMessage, Channel } from "rabbitmq-client";
import { type ConsumeOptions, type Consumer, retryDelay } from "../bus.ts";
import { drain, handleBody, type InFlight, reasonOf, within } from "../handling.ts";
import { createWakeUp } from "../wake-up.ts";
import type { Broker } from "./connection.ts";
import { deadLetterExchange, headers, retryQueue } from "./names.ts";
import type { OutgoingMessage, Publisher } from "./publisher.ts";
import { declareQueue, queueExists } from "./topology.ts";

export interface Surroundings {
  readonly broker: Broker;
  /** On a connection of its own: an alarm stops whatever a connection sends, acknowledgements included. */
  readonly publisher: Publisher;
  readonly drainMs: number;
}

/** One subscription; it ends when its channel or its queue is gone. */
interface Session {
  readonly channel: Channel;
  readonly consumerTag: string;
  readonly inFlight: Set<InFlight>;
  readonly ended: Promise<void>;
}

const recoveryMs = 500;
const graceMs = 2_000;

export function consumeFromRabbitMq(
  options: ConsumeOptions,
  { broker, publisher, drainMs }: Surroundings,
): Consumer {
  const { queue, prefetch, deliveryLimit, retryDelaysMs } = options;
  const wakeUp = createWakeUp();
  let state: Consumer["state"] = "connecting";
  let isClosing = false;
  let session: Session | undefined;

  async function open(): Promise<Session> {
    if (!(await queueExists(broker, queue))) await options.missing?.();
    const channel = await broker.openChannel();
    try {
      await declareQueue(broker, channel, options);
      await broker.limited(channel.basicQos({ prefetchCount: prefetch }), "set the prefetch");
      return await subscribe(channel);
    } catch (error) {
      void channel.close();
      throw error;
    }
  }

  async function subscribe(channel: Channel): Promise<Session> {
    const inFlight = new Set<InFlight>();
    const ended = new Promise<void>((resolve) => {
      channel.once("basic.cancel", () => resolve());
      channel.once("close", () => {
        const lost = new Error("the connection is lost: the message is delivered again");
        for (const { abort } of inFlight) abort.abort(lost);
        resolve();
      });
    });
    const { consumerTag } = await broker.limited(
      channel.basicConsume({ queue }, (message) => start({ channel, inFlight }, message)),
      `consume ${queue}`,
    );
    return { channel, consumerTag, inFlight, ended };
  }

  function start(
    { channel, inFlight }: Pick<Session, "channel" | "inFlight">,
    message: AsyncMessage,
  ): void {
    // it arrived after the cancellation: the end of the channel returns it to the queue
    if (isClosing) return;
    const abort = new AbortController();
    const ended = handle(channel, message, abort.signal)
      .catch(report)
      .finally(() => inFlight.delete(held));
    const held: InFlight = { abort, ended };
    inFlight.add(held);
  }

  async function handle(
    channel: Channel,
    message: AsyncMessage,
    signal: AbortSignal,
  ): Promise<void> {
    const deliveries = deliveriesOf(message);
    const body = bodyOf(message);
    const outcome =
      deliveries > deliveryLimit
        ? { kind: "dead" as const, reason: "its consumers died while they handled the message" }
        : await handleBody(body.toString("utf8"), { handle: options.handle, signal });
    if (!channel.active) return;
    if (outcome.kind === "retry" && signal.aborted) {
      channel.basicNack({ deliveryTag: message.deliveryTag, requeue: true });
      return;
    }
    if (outcome.kind !== "done") {
      const isDead = outcome.kind === "dead" || deliveries >= deliveryLimit;
      const delayMs = retryDelay(retryDelaysMs, deliveries);
      const target = isDead
        ? { exchange: deadLetterExchange, routingKey: queue }
        : { exchange: "", routingKey: retryQueue(queue, delayMs) };
      const notes = {
        [headers.deliveries]: deliveries,
        [headers.reason]: outcome.reason,
        [headers.failedAt]: new Date().toISOString(),
      };
      const messageId = message.messageId ?? "";
      const isMoved = await move(channel, { ...target, messageId, body, headers: notes });
      if (!isMoved) return;
    }
    channel.basicAck({ deliveryTag: message.deliveryTag });
  }

  /** Until the broker has it: the message is acknowledged only then. False when the channel ended before. */
  async function move(channel: Channel, message: OutgoingMessage): Promise<boolean> {
    while (channel.active) {
      try {
        await publisher.send([message]);
        return true;
      } catch (error) {
        report(error);
        if (isClosing) return false;
        await broker.changed(recoveryMs);
      }
    }
    return false;
  }

  async function run(): Promise<void> {
    while (!isClosing) {
      try {
        session = await open();
        state = "consuming";
        await Promise.race([session.ended, closeRequested.promise]);
        if (!isClosing) void retire(session);
      } catch (error) {
        report(error);
      }
      if (isClosing) return;
      state = "connecting";
      await wakeUp.wait(recoveryMs);
    }
  }

  /** Of a queue that was deleted: its handlers end, and its channel with them. */
  async function retire({ channel, inFlight }: Session): Promise<void> {
    await Promise.all([...inFlight].map((one) => one.ended));
    await channel.close();
  }

  function report(error: unknown): void {
    options.onError?.(error instanceof Error ? error : new Error(reasonOf(error)));
  }

  const closeRequested = Promise.withResolvers<void>();
  const running = run();
  let closed: Promise<void> | undefined;

  async function close(): Promise<void> {
    isClosing = true;
    closeRequested.resolve();
    wakeUp.wake();
    await running;
    if (session !== undefined) await end(session);
    state = "closed";
  }

  async function end({ channel, consumerTag, inFlight }: Session): Promise<void> {
    if (channel.active) await within(channel.basicCancel(consumerTag).catch(report), graceMs);
    await drain(inFlight, { drainMs, graceMs });
    await within(channel.close(), graceMs);
  }

  return {
    get state() {
      return state;
    },
    close() {
      closed ??= close();
      return closed;
    },
  };
}

/** This delivery included. */
function deliveriesOf({ headers: given }: AsyncMessage): number {
  const earlier = Number(given?.[headers.deliveries] ?? 0);
  const redeliveries = Number(given?.[headers.redeliveries] ?? 0);
  return earlier + redeliveries + 1;
}

/** The library parses bodies by their content type; those of the driver stay bytes. */
export function bodyOf({ body }: { readonly body: unknown }): Buffer {
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === "string" ? body : JSON.stringify(body), "utf8");
}
