export interface WakeUp {
  /** Ends the current wait, or the next one when none is in progress. */
  wake(): void;
  /** Resolves after `ms`, or at `wake`. One caller at a time. */
  wait(ms: number): Promise<void>;
}

export function createWakeUp(): WakeUp {
  let isPending = false;
  let end: (() => void) | undefined;
  return {
    wake() {
      if (end === undefined) isPending = true;
      else end();
    },
    async wait(ms) {
      if (!isPending) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          end = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      isPending = false;
      end = undefined;
    },
  };
}
