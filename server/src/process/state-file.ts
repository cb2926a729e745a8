/**
 * A file by which the health check of a container (deploy/image/health-check.mjs) sees whether `weir serve`
 * works. Most processes of Weir open no port that could be asked.
 */
import { renameSync, rmSync, writeFileSync } from "node:fs";

const writeIntervalMs = 1_000;

interface ProcessState {
  readonly state: "ready" | "stopping";
  readonly parts: readonly string[];
  /** Where it listens; null for a process without HTTP. */
  readonly url: string | null;
  /** On the monotonic clock of the machine, which all its processes share. */
  readonly at_ms: number;
}

interface StateFile extends Disposable {
  stopping(): void;
}

function machineMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

/**
 * Writes the state now and every second until disposed, then removes it. The timer shows that the event loop
 * turns; a process that is stopped or frozen leaves an old file.
 */
export function keepStateFile(
  path: string,
  about: Pick<ProcessState, "parts" | "url">,
  onFailure: (error: unknown) => void,
): StateFile {
  let state: ProcessState["state"] = "ready";
  let failed = false;
  const draft = `${path}.new`;
  const write = () => {
    const now: ProcessState = { state, ...about, at_ms: machineMs() };
    try {
      // a reader finds a whole file; not synced, because no state outlives the process
      writeFileSync(draft, `${JSON.stringify(now)}\n`, { mode: 0o644 });
      renameSync(draft, path);
      failed = false;
    } catch (error) {
      if (!failed) onFailure(error);
      failed = true;
    }
  };
  write();
  const timer = setInterval(write, writeIntervalMs).unref();
  return {
    stopping() {
      state = "stopping";
      write();
    },
    [Symbol.dispose]() {
      clearInterval(timer);
      try {
        rmSync(path, { force: true });
      } catch (error) {
        onFailure(error);
      }
    },
  };
}
