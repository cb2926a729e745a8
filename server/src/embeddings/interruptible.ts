/** Long work, in small steps: wherever it yields it can be left for a while, or for good. */
export type Interruptible<Result> = Generator<undefined, Result, undefined>;

/** Without a break. */
export function finish<Result>(work: Interruptible<Result>): Result {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

/** Stops the thread for `restMs` whenever it has worked for `workMs`. Not for a thread that anybody waits for. */
export function finishWithBreaks<Result>(
  work: Interruptible<Result>,
  { workMs, restMs }: { readonly workMs: number; readonly restMs: number },
): Result {
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  for (let began = performance.now(); ; ) {
    const step = work.next();
    if (step.done === true) return step.value;
    if (performance.now() - began < workMs) continue;
    Atomics.wait(nothing, 0, 0, restMs);
    began = performance.now();
  }
}
