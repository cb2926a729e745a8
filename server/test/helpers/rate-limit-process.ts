/** A process of its own that asks for more than a shared limit allows, and tells its parent how much it was allowed. */
import { createMemoryRateLimiter } from "../../src/adapters/limits/memory-rate-limiter.ts";
import type { RatePolicy } from "../../src/core/access/rate-limit.ts";
import { pause } from "../../src/timing/pause.ts";
import { connectRedis, limitBy } from "./redis-connection.ts";

export interface RateLimitTask {
  /** Of Redis; undefined: the control, a limit in the memory of each process. */
  readonly url: string | undefined;
  readonly policy: RatePolicy;
  readonly seconds: number;
}

/** The parent sends the task, gets `"ready"`, sends `"go"`, and gets the number of events that were allowed. */
async function main({ url, policy, seconds }: RateLimitTask): Promise<void> {
  const ends: (() => void | Promise<void>)[] = [];
  const t = { after: (work: () => void | Promise<void>) => void ends.unshift(work) };
  const limiter =
    url === undefined
      ? createMemoryRateLimiter()
      : limitBy(t, (await connectRedis(t, { url })).redis);
  const take = async (events: number) =>
    (await limiter.take("key", { events, policy, now: performance.now() })).allowed ? events : 0;
  process.send?.("ready");
  await new Promise((resolve) => process.once("message", resolve));
  const started = performance.now();
  let allowed = 0;
  while (performance.now() - started < seconds * 1_000) {
    for (let n = 0; n < 20; n++) allowed += await take(1);
    allowed += await take(20);
    await pause(1);
  }
  // what the bucket gained while a busy machine let this process wait
  for (let more = 1; more > 0; ) {
    more = await take(1);
    allowed += more;
  }
  // leased tokens return to Redis
  for (const end of ends) await end();
  process.send?.(allowed);
}

if (process.send !== undefined) {
  process.once("message", (task) => void main(task as RateLimitTask));
  process.once("disconnect", () => process.exit(0));
}
