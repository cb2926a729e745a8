import type { Logger } from "../adapters/telemetry/logger.ts";
import type { Part } from "../core/ports/part.ts";

const firstPauseMs = 200;
const lastPauseMs = 10_000;

/**
 * Runs parts side by side until the signal aborts and all have ended. A part that rejects is logged
 * and run again after a growing pause: it does not take the others down.
 */
export async function runParts(
  parts: readonly Part[],
  signal: AbortSignal,
  logger: Logger,
): Promise<void> {
  await Promise.all(parts.map((part) => runPart(part, signal, logger)));
}

async function runPart(part: Part, signal: AbortSignal, logger: Logger): Promise<void> {
  let pause = firstPauseMs;
  while (!signal.aborted) {
    const started = performance.now();
    try {
      await part.run(signal);
      if (!signal.aborted) throw new Error("the part ended although nobody asked it to");
    } catch (error) {
      if (signal.aborted) return;
      logger.error({ name: part.name, err: error }, "a part failed and is run again");
      // One that ran well for a while starts over with a short pause.
      if (performance.now() - started > lastPauseMs) pause = firstPauseMs;
      await wait(pause, signal);
      pause = Math.min(pause * 2, lastPauseMs);
    }
  }
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done, { once: true });
  });
}
