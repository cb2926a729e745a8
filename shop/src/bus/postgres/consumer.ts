import type { Database } from "../../foundation/database.ts";
import { type ConsumeOptions, type Consumer, retryDelay } from "../bus.ts";
import { drain, handleBody, type InFlight, reasonOf } from "../handling.ts";
import { createWakeUp } from "../wake-up.ts";
import type { Listener } from "./listener.ts";

interface Taken {
  readonly id: string;
  readonly lease: string;
  readonly deliveries: number;
  readonly body: string;
}

interface Held extends InFlight {
  readonly taken: Taken;
  /** By the monotonic clock of this process, when the lease surely still held. */
  heldAt: number;
}

export interface Surroundings {
  readonly database: Database;
  readonly listener: Listener;
  readonly timing: {
    readonly leaseMs: number;
    readonly pollMs: number;
    readonly drainMs: number;
  };
}

const recoveryMs = 500;
const graceMs = 2_000;

export function consumeFromPostgres(
  options: ConsumeOptions,
  { database, listener, timing }: Surroundings,
): Consumer {
  const { queue, types, prefetch, deliveryLimit, retryDelaysMs } = options;
  const inFlight = new Set<Held>();
  const wakeUp = createWakeUp();
  const unsubscribe = listener.subscribe(queue, wakeUp.wake);
  let state: Consumer["state"] = "connecting";
  let isClosing = false;

  async function declare(): Promise<void> {
    const [found] = await database.query<{ exists: boolean }>(
      "select bus.queue_exists($1) as exists",
      [queue],
    );
    if (found?.exists !== true) await options.missing?.();
    await database.query("select bus.declare_queue($1, $2, $3)", [queue, types, deliveryLimit]);
  }

  async function take(): Promise<number> {
    const free = prefetch - inFlight.size;
    if (free <= 0) return 0;
    // before the call: the server's lease begins later
    const heldAt = performance.now();
    const rows = await database.query<Taken>("select * from bus.take($1, $2, $3)", [
      queue,
      free,
      timing.leaseMs,
    ]);
    for (const taken of rows) start(taken, heldAt);
    return rows.length;
  }

  function start(taken: Taken, heldAt: number): void {
    const abort = new AbortController();
    const ended = handle(taken, abort.signal)
      .catch(report)
      .finally(() => {
        inFlight.delete(held);
        wakeUp.wake();
      });
    const held: Held = { taken, heldAt, abort, ended };
    inFlight.add(held);
  }

  async function handle(
    { id, lease, deliveries, body }: Taken,
    signal: AbortSignal,
  ): Promise<void> {
    const outcome = await handleBody(body, { handle: options.handle, signal });
    if (outcome.kind === "done") {
      await database.query("select bus.acknowledge($1, $2, $3)", [queue, id, lease]);
    } else if (outcome.kind === "dead") {
      await database.query("select bus.bury($1, $2, $3, $4)", [queue, id, lease, outcome.reason]);
    } else if (signal.aborted) {
      await database.query("select bus.release($1, $2, $3)", [queue, id, lease]);
    } else {
      const delayMs = retryDelay(retryDelaysMs, deliveries);
      await database.query("select bus.retry_later($1, $2, $3, $4, $5)", [
        ...[queue, id, lease, delayMs, outcome.reason],
      ]);
    }
  }

  /** How long to wait when nothing could be taken. */
  async function idleMs(): Promise<number> {
    if (inFlight.size >= prefetch) return timing.pollMs;
    const [next] = await database.query<{ ms: number | null }>(
      "select bus.next_visible_ms($1) as ms",
      [queue],
    );
    return Math.min(timing.pollMs, Math.max(5, next?.ms ?? timing.pollMs));
  }

  async function run(): Promise<void> {
    while (!isClosing) {
      try {
        if (state !== "consuming") await declare();
        state = "consuming";
        while (!isClosing) {
          if ((await take()) === 0) await wakeUp.wait(await idleMs());
        }
      } catch (error) {
        state = "connecting";
        report(error);
        if (!isClosing) await wakeUp.wait(recoveryMs);
      }
    }
  }

  async function extendLeases(): Promise<void> {
    const held = [...inFlight];
    if (held.length === 0) return;
    const extendedAt = performance.now();
    try {
      const rows = await database.query<{ id: string }>("select bus.extend($1, $2, $3, $4) as id", [
        queue,
        held.map((one) => one.taken.id),
        held.map((one) => one.taken.lease),
        timing.leaseMs,
      ]);
      const kept = new Set(rows.map((row) => row.id));
      for (const one of held) {
        if (kept.has(one.taken.id)) one.heldAt = extendedAt;
        else if (inFlight.has(one)) one.abort.abort(new Error("the lease is lost"));
      }
    } catch (error) {
      report(error);
      for (const one of held) {
        if (performance.now() - one.heldAt < timing.leaseMs) continue;
        one.abort.abort(new Error("the lease may be lost: the bus does not answer"));
      }
    }
  }

  function report(error: unknown): void {
    options.onError?.(error instanceof Error ? error : new Error(reasonOf(error)));
  }

  let extending: Promise<void> = Promise.resolve();
  const extender = setInterval(() => {
    extending = extending.then(extendLeases);
  }, timing.leaseMs / 3);
  const running = run();
  let closed: Promise<void> | undefined;

  async function close(): Promise<void> {
    isClosing = true;
    wakeUp.wake();
    await running;
    await drain(inFlight, { drainMs: timing.drainMs, graceMs });
    clearInterval(extender);
    await extending;
    unsubscribe();
    state = "closed";
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
