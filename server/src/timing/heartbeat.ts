import { pause } from "./pause.ts";

export interface HeartbeatOptions {
  readonly everyMs: number;
  readonly signal: AbortSignal;
}

/**
 * Calls `beat` at once and then every `everyMs`, until aborted or until it answers false: what it keeps is lost.
 * A beat that rejects is repeated, because a lease is kept until another process takes it over.
 */
export async function keepBeating(
  beat: () => Promise<boolean>,
  { everyMs, signal }: HeartbeatOptions,
): Promise<void> {
  while (!signal.aborted) {
    try {
      if (!(await beat())) return;
    } catch {
      // the work under the lease gets the same error and reports it
    }
    await pause(everyMs, signal);
  }
}
