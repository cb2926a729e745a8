/** Starts the Spark job: a driver written in Python, and the JVM and the workers that it starts. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { messageOf } from "../../core/errors.ts";

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Gets each line that it prints. */
  readonly onLine: (line: string) => void;
}

export interface LaunchedJob {
  readonly pid: number;
  readonly ended: Promise<{ readonly code: number | null; readonly output: string }>;
  stop(): void;
  kill(): void;
}

const keptOutput = 4_000;

/**
 * Ends the job's process group when the process that started it ends, however that happens: the pipe closes. SIGTERM lets
 * the batch in progress end.
 */
const lifelineScript = `
  trap '' HUP INT TERM
  read -r group || exit 0
  while read -r line; do :; done
  kill -TERM "-$group" 2>/dev/null || exit 0
  left=50
  while [ "$left" -gt 0 ] && kill -0 "-$group" 2>/dev/null; do sleep 0.2; left=$((left - 1)); done
  kill -KILL "-$group" 2>/dev/null`;

/** @throws Error when the program cannot be started, with its name */
export async function launchJob({
  command,
  args,
  environment,
  onLine,
}: Launch): Promise<LaunchedJob> {
  const child = spawn(command, args, {
    // a group of its own, which can be killed as a whole
    detached: true,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) => reject(new Error(`${command}: ${messageOf(error)}`)));
  });
  const pid = child.pid ?? 0;
  const lifeline = startLifeline(pid);
  let output = "";
  const keep = (line: string) => {
    output = `${output}${line}\n`.slice(-keptOutput);
    onLine(line);
  };
  for (const stream of [child.stdout, child.stderr]) eachLine(stream, keep);
  const signalGroup = (signal: NodeJS.Signals) => {
    try {
      process.kill(-pid, signal);
    } catch {
      // it has ended
    }
  };
  const ended = new Promise<{ code: number | null; output: string }>((resolve) => {
    child.once("close", (code) => {
      // the driver is gone; what it started must not outlive it
      signalGroup("SIGKILL");
      lifeline.release();
      resolve({ code, output: output.trim() });
    });
  });
  return {
    pid,
    ended,
    stop: () => void child.kill("SIGTERM"),
    kill: () => signalGroup("SIGKILL"),
  };
}

function eachLine(stream: Readable, onLine: (line: string) => void): void {
  createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on("line", onLine);
}

function startLifeline(group: number): { release(): void } {
  const shell = spawn("/bin/sh", ["-c", lifelineScript, "weir-spark-lifeline"], {
    detached: true,
    cwd: "/",
    stdio: ["pipe", "ignore", "ignore"],
    env: { PATH: process.env["PATH"] ?? "" },
  });
  shell.on("error", () => {});
  shell.stdin.on("error", () => {});
  shell.stdin.write(`${group}\n`);
  shell.unref();
  // a pipe to a child is a socket in Node.js; the types do not say so
  (shell.stdin as unknown as { unref(): void }).unref();
  return { release: () => void shell.kill("SIGKILL") };
}
