/** Processes of this machine, from /proc. Clock ticks are 10 ms: some seconds of work give two significant digits. */
import { readdirSync, readFileSync } from "node:fs";

export interface ProcessTime {
  readonly parent: number;
  /** Its own user and system time, in microseconds. */
  readonly micros: number;
  /** The time of the children that it has waited for. */
  readonly waitedMicros: number;
}

/** Undefined when it has ended. */
export function readProcess(pid: number): ProcessTime | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  // the name is in brackets and may contain any character
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const micros = (first: number) => (Number(fields[first]) + Number(fields[first + 1])) * 10_000;
  return { parent: Number(fields[1]), micros: micros(11), waitedMicros: micros(13) };
}

/** `root` and all its descendants. */
export function readTree(root: number): Map<number, ProcessTime> {
  const all = new Map<number, ProcessTime>();
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const found = /^\d+$/.test(name) ? readProcess(Number(name)) : undefined;
    if (found === undefined) continue;
    all.set(Number(name), found);
    children.set(found.parent, [...(children.get(found.parent) ?? []), Number(name)]);
  }
  const tree = new Map<number, ProcessTime>();
  const add = (pid: number): void => {
    const found = all.get(pid);
    if (found !== undefined) tree.set(pid, found);
    for (const child of children.get(pid) ?? []) add(child);
  };
  add(root);
  return tree;
}

/** The time of a server with all its backends, including those that have ended. */
export function treeMicros(root: number): number {
  let sum = readProcess(root)?.waitedMicros ?? 0;
  for (const { micros } of readTree(root).values()) sum += micros;
  return sum;
}
