/** Long work, in small steps: wherever it yields it can be left for a while, or for good. */
export type Interruptible<Result> = Generator<undefined, Result, undefined>;

/** Runs it to its end. With `breaks` the thread stops for `restMs` whenever it has worked for `workMs`. */
export function finish<Result>(
  work: Interruptible<Result>,
  breaks?: { readonly workMs: number; readonly restMs: number },
): Result {
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  for (let began = performance.now(); ; ) {
    const step = work.next();
    if (step.done === true) return step.value;
    if (breaks === undefined || performance.now() - began < breaks.workMs) continue;
    Atomics.wait(nothing, 0, 0, breaks.restMs);
    began = performance.now();
  }
}
