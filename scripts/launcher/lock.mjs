import { appendFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { codeOf, SetUpError } from "./set-up-error.mjs";

const longestWaitMs = 600_000;

/**
 * @typedef {object} Lock
 * @property {(pid: number) => void} add another process that works while the lock is held
 * @property {() => void} release
 */

/**
 * Holds a lock file that names this process, so that `npm start` and `npm test` in two terminals
 * do not install into the same folder. It is free again when all processes that it names have ended:
 * npm continues for a while after its launcher was killed.
 *
 * @param {string} file
 * @returns {Promise<Lock>}
 */
export async function holdLock(file) {
  mkdirSync(dirname(file), { recursive: true });
  const deadline = Date.now() + longestWaitMs;
  let reported = false;
  while (!tryLock(file)) {
    const holder = holderOf(file);
    if (holder === "none") {
      rmSync(file, { force: true });
      continue;
    }
    if (holder !== "unknown" && !reported) {
      process.stderr.write(`Process ${holder} is installing the dependencies; waiting …\n`);
      reported = true;
    }
    if (Date.now() > deadline) {
      throw new SetUpError(`Process ${holder} still holds ${file}. End it and try again.`);
    }
    await wait(50);
  }
  return {
    add: (pid) => appendFileSync(file, `${pid}\n`),
    release: () => rmSync(file, { force: true }),
  };
}

/** @param {string} file */
function tryLock(file) {
  try {
    writeFileSync(file, `${process.pid}\n`, { flag: "wx" });
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw new SetUpError(
      `The checkout is not writable: ${error instanceof Error ? error.message : error}`,
    );
  }
}

/**
 * @param {string} file
 * @returns {number | "none" | "unknown"} `unknown` for a file that was created or removed just now
 */
function holderOf(file) {
  try {
    const pids = readFileSync(file, "utf8").split("\n").map(Number).filter(Boolean);
    const isBeingWritten = pids.length === 0 && Date.now() - statSync(file).mtimeMs < 2000;
    return isBeingWritten ? "unknown" : (pids.find(isAlive) ?? "none");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return "unknown";
    throw error;
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}
