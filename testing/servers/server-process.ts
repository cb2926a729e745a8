import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { findProgram } from "./install/command.ts";
import { type UnprivilegedUser, unprivilegedUser } from "./unprivileged-user.ts";

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  /** Added to a small environment: PATH, LANG, JAVA_HOME. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface SpawnOptions {
  readonly cwd: string;
  readonly logFile: string;
  /** It ends with this process, whatever ends this process; otherwise it outlives it. */
  readonly endsWithParent: boolean;
}

/** Starts a server as an unprivileged user, in a process group of its own, with its output in a file. */
export function spawnServer(launch: Launch, options: SpawnOptions): ChildProcess {
  const log = openSync(options.logFile, "a");
  try {
    const [command = "", ...args] = [
      ...withoutRights(options.endsWithParent),
      ...(options.endsWithParent ? tiedToParent : []),
      launch.command,
      ...launch.args,
    ];
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...smallEnvironment(), HOME: options.cwd, TMPDIR: options.cwd, ...launch.env },
      stdio: [options.endsWithParent ? "pipe" : "ignore", log, log],
      // its own group: Ctrl-C in a terminal is the test's to handle, and signals reach its children too
      detached: true,
    });
    child.on("error", () => {});
    child.stdin?.on("error", () => {});
    return child;
  } finally {
    closeSync(log);
  }
}

/**
 * A process of the same group reads from this process until this process ends, then kills the group: also
 * what the server has started itself, which the kernel's parent-death signal does not reach.
 */
const tiedToParent = [
  "sh",
  "-c",
  'exec 3<&0 </dev/null; (read -r _ <&3; kill -KILL 0) & exec 3<&-; exec "$@"',
  "sh",
];

/** As root, another user without any rights. The parent-death signal reaches a suspended server too (Linux). */
function withoutRights(endsWithParent: boolean): string[] {
  const user = unprivilegedUser();
  const setpriv = findProgram("setpriv");
  if (setpriv === undefined) {
    if (user !== undefined) throw new Error("setpriv is missing: install the package util-linux.");
    return [];
  }
  const life = endsWithParent ? ["--pdeathsig", "KILL"] : [];
  return [setpriv, ...life, ...rightsOf(user), "--no-new-privs", "--"];
}

function rightsOf(user: UnprivilegedUser | undefined): string[] {
  if (user === undefined) return [];
  return ["--reuid", String(user.uid), "--regid", String(user.gid), "--clear-groups"];
}

function smallEnvironment(): Record<string, string> {
  const kept = ["PATH", "LANG", "JAVA_HOME"].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  });
  return Object.fromEntries(kept) as Record<string, string>;
}

/** Sends a signal to a server and its children; false when there is none left. */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

/** Resolves when it has ended, at once if it has ended before. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  await once(child, "exit");
}

export function lastLines(file: string, count = 20): string {
  try {
    return readFileSync(file, "utf8").trimEnd().split("\n").slice(-count).join("\n");
  } catch {
    return "";
  }
}
