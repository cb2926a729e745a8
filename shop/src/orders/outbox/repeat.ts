export interface Repeated extends AsyncDisposable {
  /** Ends the pause; during the work, the work is repeated at once. */
  wake(): void;
}

export interface RepeatOptions {
  /** Resolves with whether to continue without a pause. */
  readonly work: () => Promise<boolean>;
  readonly everyMs: number;
  readonly onError: (error: unknown) => void;
}

/** Repeats work until it is disposed of, which waits for the work in progress. Errors do not end it. */
export function repeat({ work, everyMs, onError }: RepeatOptions): Repeated {
  let ended = false;
  let woken = false;
  let endPause = (): void => {};

  function pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, everyMs);
      endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async function loop(): Promise<void> {
    while (!ended) {
      woken = false;
      let again = false;
      try {
        again = await work();
      } catch (error) {
        onError(error);
      }
      if (!again && !woken && !ended) await pause();
    }
  }

  const running = loop();
  function wake(): void {
    woken = true;
    endPause();
  }
  return {
    wake,
    async [Symbol.asyncDispose]() {
      ended = true;
      wake();
      await running;
    },
  };
}
