import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";

/**
 * Runs a program in the foreground and resolves to the exit code to end with.
 *
 * Ctrl-C reaches every process of the terminal's group, so the child gets it anyway: forwarding it
 * would deliver it twice, and to many programs a second Ctrl-C means to stop immediately. SIGTERM and
 * SIGHUP reach only this process and are forwarded.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {import("node:child_process").SpawnOptions} [options]
 * @returns {Promise<number>}
 */
export async function runToEnd(command, args, options = {}) {
  const child = spawn(command, args, { ...options, stdio: "inherit" });
  const release = forwardSignals((signal) => {
    if (signal !== "SIGINT") child.kill(signal);
  });
  try {
    return await exitCode(child);
  } finally {
    release();
  }
}

/** A repeated signal within this time is the same one: npm forwards what the terminal sent to all. */
const sameSignalMs = 500;
/** After a second signal the server stops at once; one that has not ended by then never will. */
const lastPatienceMs = 5_000;

/**
 * Runs a command of Weir in the foreground. A channel connects it to this process: it stops in order when
 * that closes, also because this process was killed. A signal closes the channel too, so that a signal
 * that also reached the server by itself, such as Ctrl-C, counts once.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {import("node:child_process").SpawnOptions} options
 * @returns {Promise<number>}
 */
export async function runWeir(command, args, options) {
  const child = spawn(command, args, {
    ...options,
    stdio: ["inherit", "inherit", "inherit", "ipc"],
  });
  // the server reports its state to any parent with a channel
  child.on("message", () => {});
  /** @type {{ signal: NodeJS.Signals, at: number } | undefined} */
  let first;
  /** @type {NodeJS.Timeout | undefined} */
  let patience;
  const release = forwardSignals((signal) => {
    if (first === undefined) {
      first = { signal, at: performance.now() };
      stop();
    } else if (performance.now() - first.at > sameSignalMs && patience === undefined) {
      child.kill("SIGTERM");
      patience = setTimeout(() => child.kill("SIGKILL"), lastPatienceMs);
    }
  });
  const stop = () => {
    if (child.connected) child.disconnect();
    // a stopped server notices nothing
    child.kill("SIGCONT");
  };
  const unwatch = watchParents(stop);
  try {
    const code = await exitCode(child);
    const wasStopped = first !== undefined && code === signalExitCode("SIGTERM");
    return wasStopped ? signalExitCode(first?.signal ?? null) : code;
  } finally {
    clearTimeout(patience);
    unwatch();
    release();
  }
}

const parentIntervalMs = 500;

// read before anything else: a parent that ends later must not be taken for the first one
const parent = process.ppid;
const grandparent = parentOf(parent);

/**
 * Calls `ended` once when npm, or the shell between npm and this process, ends: npm passes on neither SIGHUP
 * nor its own death. Without npm, this process may outlive the shell that it was started from (`nohup`).
 *
 * @param {() => void} ended
 * @returns {() => void} stops watching
 */
export function watchParents(ended) {
  if (process.env.npm_lifecycle_event === undefined) return () => {};
  const timer = setInterval(() => {
    if (process.ppid === parent && parentOf(parent) === grandparent) return;
    clearInterval(timer);
    ended();
  }, parentIntervalMs);
  timer.unref();
  return () => clearInterval(timer);
}

/**
 * @param {number} pid
 * @returns {string | undefined} undefined where there is no /proc; there, npm's shell replaces itself
 */
function parentOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1];
  } catch {
    return undefined;
  }
}

/**
 * Ends `child`, or its whole process group, when this process is killed: a shell waits on a pipe that the
 * kernel closes with this process.
 *
 * @param {import("node:child_process").ChildProcess} child
 * @param {{ group: boolean }} options
 */
export function endWithLauncher(child, { group }) {
  if (process.platform === "win32" || child.pid === undefined) return;
  const target = group ? `-- -${child.pid}` : child.pid;
  const shell = spawn("/bin/sh", ["-c", `trap '' HUP INT TERM; read -r line; kill ${target}`], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  shell.on("error", () => {});
  shell.stdin.on("error", () => {});
  shell.unref();
  child.once("exit", () => shell.kill("SIGKILL"));
}

/**
 * Calls `forward` for each signal that would end this process.
 * @param {(signal: NodeJS.Signals) => void} forward
 * @returns {() => void} removes the listeners
 */
export function forwardSignals(forward) {
  /** @type {NodeJS.Signals[]} */
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, forward);
  return () => {
    for (const signal of signals) process.off(signal, forward);
  };
}

/**
 * Keeps the end of what a program prints.
 * @param {import("node:child_process").ChildProcess} child started with pipes
 * @returns {() => string} the last 65,536 characters so far, both streams together
 */
export function keepOutput(child) {
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (/** @type {string} */ text) => {
      output = (output + text).slice(-65_536);
    });
  }
  child.stdin?.end();
  return () => output;
}

/**
 * @param {import("node:child_process").ChildProcess} child
 * @returns {Promise<number>} 128 + n for a child that was ended by signal n, as in shells
 */
export function exitCode(child) {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? signalExitCode(signal)));
  });
}

/**
 * @param {NodeJS.Signals | null} signal
 * @returns {number} 128 + n, as in shells
 */
export function signalExitCode(signal) {
  return 128 + (signal === null ? 0 : constants.signals[signal]);
}
