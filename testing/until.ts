import { setTimeout as wait } from "node:timers/promises";
import { TooLate } from "./too-late.ts";

interface UntilOptions {
  /** The condition, for the message on timeout. */
  readonly what: string | (() => string);
  /** Default 30 s (`WEIR_TEST_WAIT_MS`): a machine at load 20 takes that long, and only a failing test waits for it. */
  readonly timeoutMs?: number;
  readonly everyMs?: number;
}

const defaultMs = Number(process.env["WEIR_TEST_WAIT_MS"] ?? 30_000);

/**
 * Asks `probe` again and again until it returns something other than undefined or false.
 * @throws TooLate
 */
export async function until<T>(
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  { what, timeoutMs = defaultMs, everyMs = 20 }: UntilOptions,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) {
      throw new TooLate(`waited ${timeoutMs} ms for ${typeof what === "string" ? what : what()}`);
    }
    await wait(everyMs);
  }
}
