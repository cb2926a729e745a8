/** A wake-up signal. One that arrives while no caller waits is kept; several count as one. */
export interface Wake {
  wake(): void;
  /** Resolves at the next wake-up, after `timeoutMs`, or when aborted. Never rejects. */
  wait(timeoutMs: number, signal: AbortSignal): Promise<void>;
}

export function createWake(): Wake {
  let pending = false;
  let resume: (() => void) | undefined;
  return {
    wake() {
      pending = true;
      resume?.();
    },
    wait(timeoutMs, signal) {
      return new Promise((resolve) => {
        const end = (): void => {
          clearTimeout(timer);
          signal.removeEventListener("abort", end);
          resume = undefined;
          pending = false;
          resolve();
        };
        const timer = setTimeout(end, timeoutMs);
        signal.addEventListener("abort", end, { once: true });
        resume = end;
        if (pending || signal.aborted) end();
      });
    },
  };
}
