import type { Logger } from "../core/ports/logger.ts";
import type { Part } from "../core/ports/part.ts";
import { createBackoff } from "../timing/backoff.ts";
import { pause } from "../timing/pause.ts";

const firstPauseMs = 200;
const lastPauseMs = 10_000;

/**
 * Runs parts side by side until the signal aborts and all have ended. A part that rejects is logged
 * and run again after a growing pause; the other parts run on.
 */
export async function runParts(
  parts: readonly Part[],
  signal: AbortSignal,
  logger: Logger,
): Promise<void> {
  await Promise.all(parts.map((part) => runPart(part, signal, logger)));
}

async function runPart(part: Part, signal: AbortSignal, logger: Logger): Promise<void> {
  const backoff = createBackoff({ firstMs: firstPauseMs, lastMs: lastPauseMs });
  while (!signal.aborted) {
    const started = performance.now();
    try {
      await part.run(signal);
      if (!signal.aborted) throw new Error("the part ended without being asked to stop");
    } catch (error) {
      if (signal.aborted) return;
      logger.error({ name: part.name, err: error }, "a part failed and will be restarted");
      if (performance.now() - started > lastPauseMs) backoff.reset();
      await pause(backoff.next(), signal);
    }
  }
}
