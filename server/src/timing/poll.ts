import { pause } from "./pause.ts";

export interface PollOptions {
  readonly everyMs: number;
  readonly signal?: AbortSignal;
}

/** Calls `read` until it returns a value; undefined when the signal aborts first. */
export async function poll<T>(
  read: () => Promise<T | undefined>,
  { everyMs, signal }: PollOptions,
): Promise<T | undefined> {
  while (signal?.aborted !== true) {
    const value = await read();
    if (value !== undefined) return value;
    await pause(everyMs, signal);
  }
  return undefined;
}
