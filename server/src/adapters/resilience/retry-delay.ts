import { jittered } from "../../timing/backoff.ts";
import type { RetryPolicySettings } from "./settings.ts";

/**
 * Milliseconds to wait before the `retry`-th retry (from 1).
 * @param random uniform in [0, 1), for the jitter
 */
export function retryDelay(
  { strategy, base_ms, max_ms }: Pick<RetryPolicySettings, "strategy" | "base_ms" | "max_ms">,
  retry: number,
  random: () => number,
): number {
  return Math.min(max_ms, unlimited());

  function unlimited(): number {
    if (strategy === "FIXED") return base_ms;
    if (strategy === "LINEAR") return base_ms * retry;
    const exponential = Math.min(max_ms, base_ms * 2 ** (retry - 1));
    return strategy === "EXPONENTIAL" ? exponential : jittered(exponential, random);
  }
}
