/** What runs: one folder for each server, with its state, configuration, log and data. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { chmod, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { cacheFolder } from "../../testing/servers/install/cache.ts";
import { InstallError } from "../../testing/servers/install/command.ts";

export interface State {
  readonly name: string;
  readonly version: string;
  readonly pid: number;
  /** When the process began, as `ps` says it: a process id alone may belong to another process by now. */
  readonly started: string;
  readonly ports: Readonly<Record<string, number>>;
  readonly logFile: string;
}

export interface ProcessGroup {
  /** Of the process that has the group's number, as `ps` says it. */
  readonly started: string | undefined;
  readonly memoryMb: number;
}

export function folderOf(name: string): string {
  return join(cacheFolder(), "running", name);
}

export async function createFolder(name: string): Promise<string> {
  const folder = folderOf(name);
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o711);
  return folder;
}

export async function writeState(state: State): Promise<void> {
  const file = join(folderOf(state.name), "state.json");
  await writeFile(`${file}.new`, `${JSON.stringify(state, undefined, 2)}\n`);
  await rename(`${file}.new`, file);
}

export async function removeState(name: string, keepData: boolean): Promise<void> {
  const folder = folderOf(name);
  if (keepData) await rm(join(folder, "state.json"), { force: true });
  else await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

/** In the order of their names. */
export function readStates(): State[] {
  return namesOfFolders().flatMap((name) => {
    try {
      return [JSON.parse(readFileSync(join(folderOf(name), "state.json"), "utf8")) as State];
    } catch {
      return [];
    }
  });
}

function namesOfFolders(): string[] {
  try {
    return readdirSync(join(cacheFolder(), "running")).sort();
  } catch {
    return [];
  }
}

/** All process groups, by number; the dead that wait for their parent are left out. */
export async function processGroups(): Promise<ReadonlyMap<number, ProcessGroup>> {
  const columns = ["pgid=", "pid=", "stat=", "rss=", "lstart="].flatMap((name) => ["-o", name]);
  const { stdout } = await promisify(execFile)("ps", ["-A", ...columns], {
    timeout: 10_000,
    env: { ...process.env, LC_ALL: "C", TZ: "UTC" },
  }).catch((cause: unknown) => {
    throw new InstallError("ps is missing: install the package procps.", { cause });
  });
  const groups = new Map<number, ProcessGroup>();
  for (const line of stdout.trim().split("\n")) {
    const [group = "", pid = "", stat = "", rss = "", ...started] = line.trim().split(/\s+/);
    if (stat.startsWith("Z")) continue;
    const known = groups.get(Number(group)) ?? { started: undefined, memoryMb: 0 };
    groups.set(Number(group), {
      started: pid === group ? started.join(" ") : known.started,
      memoryMb: known.memoryMb + Number(rss) / 1024,
    });
  }
  return groups;
}

/** `ps` derives the time from the uptime, and rounds. */
const clockErrorMs = 2_000;

/** Its process group, unless it ended and the number belongs to another one. */
export function groupOf(
  state: State,
  groups: ReadonlyMap<number, ProcessGroup>,
): ProcessGroup | undefined {
  const group = groups.get(state.pid);
  if (group?.started === undefined) return undefined;
  const difference = Date.parse(group.started) - Date.parse(state.started);
  return Math.abs(difference) <= clockErrorMs ? group : undefined;
}
