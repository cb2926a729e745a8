import { readdirSync, readFileSync } from "node:fs";
import type { CleanUp } from "../../../testing/database.ts";

const againMs = 100;

/**
 * Stops a PostgreSQL server with all its processes (SIGSTOP), again and again, as a supervisor continues what it finds
 * stopped. @returns continues it
 */
export function freezeServer(t: CleanUp, postmaster: number): () => void {
  const send = (signal: "SIGSTOP" | "SIGCONT") => {
    for (const pid of [postmaster, ...childrenOf(postmaster)]) {
      try {
        process.kill(pid, signal);
      } catch {
        // it has ended meanwhile
      }
    }
  };
  send("SIGSTOP");
  const timer = setInterval(() => send("SIGSTOP"), againMs);
  let isFrozen = true;
  const thaw = () => {
    clearInterval(timer);
    if (isFrozen) send("SIGCONT");
    isFrozen = false;
  };
  t.after(thaw);
  return thaw;
}

function childrenOf(parent: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => parentOf(pid) === parent);
}

function parentOf(pid: number): number | undefined {
  try {
    return Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1]);
  } catch {
    // it has ended meanwhile
    return undefined;
  }
}
