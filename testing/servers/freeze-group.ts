import { existsSync, readdirSync, readFileSync } from "node:fs";
import { signalGroup } from "./server-process.ts";

const patienceMs = 10_000;

/**
 * Suspends a process group and returns when none of its threads runs any more. SIGSTOP reaches the threads one after the
 * other: on a busy machine a server still answers a request that is sent right after the signal.
 * @throws Error when it still runs after 10 s
 */
export function freezeGroup(leader: number): void {
  signalGroup(leader, "SIGSTOP");
  // elsewhere there is nothing to look at
  if (!existsSync("/proc/self/task")) return;
  const clock = new Int32Array(new SharedArrayBuffer(4));
  const end = performance.now() + patienceMs;
  while (threadsOf(leader).some((state) => !/[TtZX]/.test(state))) {
    if (performance.now() > end) throw new Error(`process group ${leader} does not stop`);
    Atomics.wait(clock, 0, 0, 2);
  }
}

/** The states of all threads of a group, as /proc has them: T is stopped, Z and X have ended. */
function threadsOf(leader: number): readonly string[] {
  return entries("/proc").flatMap((pid) =>
    stat(`/proc/${pid}/stat`)?.group === leader
      ? entries(`/proc/${pid}/task`).map((id) => stat(`/proc/${pid}/task/${id}/stat`)?.state ?? "X")
      : [],
  );
}

function entries(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => /^\d+$/.test(name));
  } catch {
    return []; // it has ended meanwhile
  }
}

function stat(file: string): { readonly state: string; readonly group: number } | undefined {
  try {
    // the name, in parentheses, may contain anything
    const [, state = "", group = ""] =
      /.*\) (\S) \d+ (\d+)/s.exec(readFileSync(file, "utf8")) ?? [];
    return { state, group: Number(group) };
  } catch {
    return undefined; // it has ended meanwhile
  }
}
