/** A test of a subscription: one made-up event, sent at once by the process that is asked, without retries. */
import type { Queryable } from "../../core/ports/database.ts";
import type { OpenDestination } from "../../core/ports/destination.ts";

export interface Tested {
  readonly delivered: boolean;
  readonly webhook_id: string;
  readonly latency_ms: number;
  readonly status: number | null;
  readonly error: string | null;
  readonly answer: string | null;
}

const testEventType = "weir.test";
const limitMs = 15_000;

export async function sendTest(
  options: {
    readonly database: Queryable;
    readonly openDestination: OpenDestination;
    readonly newId: () => string;
    readonly now: () => number;
  },
  subscription: { readonly id: string; readonly name: string; readonly url: string },
  stop: AbortSignal,
): Promise<Tested> {
  const { database, openDestination, newId, now } = options;
  const secrets = await database.query<{ secret: string }>({
    text: `select secret from deliveries.secrets
           where subscription_id = $1 and (expires_at is null or expires_at > clock.earliest()) order by created_at desc`,
    values: [subscription.id],
  });
  const id = `msg_${newId().replaceAll("-", "")}`;
  const at = new Date(now()).toISOString();
  const body = JSON.stringify({
    ...{ type: testEventType, timestamp: at, id, source: "weir", received_at: at },
    data: { subscription: subscription.name, message: "This is a test." },
  });
  const destination = openDestination({
    ...{ subscriptionId: subscription.id, url: subscription.url, concurrency: 1 },
  });
  const began = performance.now();
  try {
    const outcome = await destination.send(
      { id, body, secrets: secrets.map(({ secret }) => secret) },
      AbortSignal.any([stop, AbortSignal.timeout(limitMs)]),
    );
    const latency = performance.now() - began;
    const shared = { webhook_id: id, latency_ms: Math.round(latency * 10) / 10 };
    if (outcome.kind === "held") {
      const error = "the breaker of this destination is open; try again in a few seconds";
      return { ...shared, delivered: false, status: null, error, answer: null };
    }
    const { status, answer } = outcome;
    const error = outcome.kind === "failed" ? outcome.error : null;
    return { ...shared, delivered: outcome.kind === "delivered", status, error, answer };
  } finally {
    destination.close();
  }
}
