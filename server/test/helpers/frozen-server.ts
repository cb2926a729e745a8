import { readdirSync, readFileSync } from "node:fs";
import type { CleanUp } from "../../../testing/database.ts";

/**
 * Stops a PostgreSQL server with all its processes (SIGSTOP). @returns continues it
 *
 * @param supervisor of `weir up`: stopped as well, as it continues a PostgreSQL that it finds stopped
 */
export function freezeServer(t: CleanUp, postmaster: number, supervisor?: number): () => void {
  const stopped = [
    ...(supervisor === undefined ? [] : [supervisor]),
    postmaster,
    ...childrenOf(postmaster),
  ];
  for (const pid of stopped) process.kill(pid, "SIGSTOP");
  let isFrozen = true;
  const thaw = () => {
    if (!isFrozen) return;
    isFrozen = false;
    for (const pid of stopped.toReversed()) process.kill(pid, "SIGCONT");
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
