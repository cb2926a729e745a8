import type { Guard } from "../core/ports/guard.ts";
import { createWake } from "./wake.ts";

/** Looked at this often at least: a changed setting may shorten the wait. */
const lookAgainMs = 1_000;

/**
 * For who waits with work in hand until the guard's breaker lets a call through. Resolves at once when
 * it does now, and when the signal aborts.
 */
export async function waitUntilAllowed(
  guard: Pick<Guard, "retryAfterMs">,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const left = guard.retryAfterMs;
    if (left <= 0) return;
    await createWake().wait(Math.min(left, lookAgainMs), signal);
  }
}
