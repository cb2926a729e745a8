/**
 * Ctrl-C reaches a whole terminal group, and launchers forward signals too, so one wish to stop may
 * arrive several times: the first aborts, the others change nothing. A child also stops when its
 * supervisor's channel closes, so that a killed supervisor leaves no process behind.
 */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = (why: string) => {
    if (!controller.signal.aborted) controller.abort(new Error(why));
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => stop(name));
  if (process.channel !== undefined) process.once("disconnect", () => stop("the supervisor ended"));
  return controller.signal;
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
