/**
 * Aborts at SIGINT, SIGTERM or SIGHUP. Ctrl-C reaches the whole terminal group, and launchers forward
 * signals too, so one Ctrl-C may arrive several times; signals after the first have no effect. A
 * child process also stops when the channel to its supervisor closes, so that a killed supervisor
 * leaves no process behind.
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
