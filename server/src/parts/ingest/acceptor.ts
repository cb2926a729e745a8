/** The accept path for sources that wait instead of being refused, such as a topic. */
import type { EventResult } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import type { Checked, Receipt } from "../../core/event/record.ts";
import { type AcceptContext, acceptMany } from "./accept.ts";

export interface Acceptor {
  /** Most events that `admit` can ever count at once. */
  readonly mostAtOnce: number;
  /** What is known about an event that is received now; `newId` gives the identity of an event without one. */
  receipt(serviceId: number, newId: () => string): Receipt;
  /** Counts events against a key's rate limit, all or none. @returns milliseconds to wait before asking again; 0: counted */
  admit(keyId: string, events: number): Promise<number>;
  /** A result for each event, in order. Those with the verdict `retry` may be given again. */
  accept(checked: readonly Checked[]): Promise<readonly EventResult[]>;
}

const entryPoint = "kafka";

export function createAcceptor(context: AcceptContext): Acceptor {
  return {
    get mostAtOnce() {
      return context.ratePolicy().burstEvents;
    },
    receipt: (serviceId, newId) => ({
      serviceId,
      now: context.now(),
      clock: context.clock,
      newId,
    }),
    async admit(keyId, events) {
      const { allowed, retryAfterSeconds } = await context.rateLimiter.take(keyId, {
        events,
        policy: context.ratePolicy(),
        now: context.monotonic(),
      });
      if (allowed) return 0;
      context.observer.rateLimited(entryPoint, events);
      return Math.max(1, retryAfterSeconds * 1_000);
    },
    async accept(checked) {
      const { refusal } = context.storage;
      if (refusal !== undefined) {
        context.observer.verdict(entryPoint, "retry", checked.length);
        return checked.map(() => storageFull(refusal));
      }
      try {
        return await acceptMany(context, entryPoint, checked);
      } catch (error) {
        if (!(error instanceof WeirError && error.code === "storage_full")) throw error;
        return checked.map(() => storageFull(error.message));
      }
    },
  };
}

function storageFull(detail: string): EventResult {
  return { event_id: null, verdict: "retry", code: "storage_full", detail };
}
