import { type ConsumeOptions, UnprocessableMessage } from "./bus.ts";
import { type CloudEvent, parseCloudEvent } from "./cloud-event.ts";

/** What the driver does with a message after its handler. */
export type Outcome =
  | { readonly kind: "done" }
  | { readonly kind: "retry" | "dead"; readonly reason: string };

/** Runs the handler; never rejects. A body that is no CloudEvent is dead: no retry can help it. */
export async function handleBody(
  body: string,
  { handle, signal }: Pick<ConsumeOptions, "handle"> & { readonly signal: AbortSignal },
): Promise<Outcome> {
  let message: CloudEvent;
  try {
    message = parseCloudEvent(body);
  } catch (error) {
    return { kind: "dead", reason: `no CloudEvent: ${reasonOf(error)}` };
  }
  try {
    await handle(message, signal);
    return { kind: "done" };
  } catch (error) {
    const kind = error instanceof UnprocessableMessage ? "dead" : "retry";
    return { kind, reason: reasonOf(error) };
  }
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export interface InFlight {
  readonly abort: AbortController;
  /** Resolves when the handler and what follows it have ended. */
  readonly ended: Promise<void>;
}

/** Waits for the handlers; after `drainMs` it aborts their signals, and then waits `graceMs` more. */
export async function drain(
  inFlight: Iterable<InFlight>,
  { drainMs, graceMs }: { readonly drainMs: number; readonly graceMs: number },
): Promise<void> {
  const running = [...inFlight];
  const ended = Promise.all(running.map((one) => one.ended)).then(() => true);
  if (await within(ended, drainMs)) return;
  for (const { abort } of running) abort.abort(new Error("the time to drain is over"));
  await within(ended, graceMs);
}

/** What `work` resolves to, or undefined after `ms`. */
export async function within<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
