import { spawn } from "node:child_process";
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
    child.once("exit", (code, signal) => {
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}
