/** The driver of the port `Destination` for webhooks: signs, posts under the guard of the subscription, reads the answer. */
import { messageOf } from "../../core/errors.ts";
import type { Destination, Outcome, OutgoingDelivery } from "../../core/ports/destination.ts";
import { BreakerOpenError, type Guard, GuardLimitError } from "../../core/ports/guard.ts";
import type { Endpoint, Posted } from "./sender.ts";
import { signatures } from "./signature.ts";

export interface WebhookDestinationOptions {
  readonly endpoint: Endpoint;
  /** One attempt; its time limit is that of an attempt. */
  readonly guard: Guard;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const gone = 410;
/** Statuses that say that the endpoint is unwell, and not that it dislikes this delivery. */
const isUnwell = (status: number) => status >= 500 || status === 429 || status === 408;
/** Of a breaker or guard that says no number. */
const heldMs = 1_000;
const longestRetryAfterMs = 24 * 3_600_000;
const answerCharacters = 1_000;

class UnwellError extends Error {
  readonly retryable = true;
  readonly posted: Posted;

  constructor(posted: Posted) {
    super(`status ${posted.status}`);
    this.posted = posted;
  }
}

/** Any failure without an answer counts for the breaker. */
class UnreachableError extends Error {
  readonly retryable = true;
}

export function createWebhookDestination(options: WebhookDestinationOptions): Destination {
  const { endpoint, guard, now } = options;

  async function post(delivery: OutgoingDelivery, signal: AbortSignal): Promise<Posted> {
    const { id, body, secrets } = delivery;
    const timestamp = String(Math.floor(now() / 1000));
    const headers = {
      "webhook-id": id,
      "webhook-timestamp": timestamp,
      "webhook-signature": signatures(secrets, { id, timestamp, body }),
    };
    let posted: Posted;
    try {
      posted = await endpoint.post({ headers, body }, signal);
    } catch (error) {
      throw new UnreachableError(reasonOf(error), { cause: error });
    }
    if (isUnwell(posted.status)) throw new UnwellError(posted);
    return posted;
  }

  return {
    async send(delivery, signal) {
      try {
        return outcomeOf(await guard.execute((limit) => post(delivery, limit), signal), now());
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof UnwellError) return outcomeOf(error.posted, now());
        if (error instanceof BreakerOpenError) {
          return { kind: "held", retryAfterMs: Math.max(1, error.retryAfterMs) };
        }
        if (error instanceof GuardLimitError) return { kind: "held", retryAfterMs: heldMs };
        return { kind: "failed", status: null, answer: null, error: messageOf(error) };
      }
    },
    close: () => endpoint.close(),
  };
}

function outcomeOf({ status, answer: text, retryAfter }: Posted, nowMs: number): Outcome {
  const answer = text.slice(0, answerCharacters);
  if (status >= 200 && status < 300) return { kind: "delivered", status, answer };
  const retryAfterMs = readRetryAfter(retryAfter, nowMs);
  const error =
    status >= 300 && status < 400
      ? `status ${status}: redirects are not followed`
      : `status ${status}`;
  return {
    ...{ kind: "failed", status, answer, error },
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(status === gone ? { isGone: true as const } : {}),
  };
}

/** Seconds, or a date as HTTP writes it (RFC 9110, 10.2.3); a day at most. */
export function readRetryAfter(text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), longestRetryAfterMs);
}

/** Of an error of Node: several attempts to connect are one error with many. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return error.errors.map((one) => messageOf(one)).join("; ");
  }
  return messageOf(error);
}
