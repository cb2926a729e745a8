import { spawn } from "node:child_process";
import { existsSync, readFileSync, statfsSync } from "node:fs";
import { basename, join } from "node:path";
import {
  endWithLauncher,
  exitCode,
  forwardSignals,
  keepOutput,
  signalExitCode,
  watchParents,
} from "./child.mjs";
import { libcName, missingPackages } from "./installed-packages.mjs";
import { holdLock } from "./lock.mjs";
import { explainNpmFailure } from "./npm-failure.mjs";
import { reportProgress } from "./progress.mjs";
import { codeOf, SetUpError } from "./set-up-error.mjs";

const neededNode = 24;

/**
 * Prepares a checkout: installs the dependencies of the lock file and, if needed, Node 24. Takes some
 * milliseconds when there is nothing to do.
 *
 * @param {string} root
 * @returns {Promise<string>} the path of the Node that runs TypeScript
 * @throws {SetUpError} with a message for the user
 */
export async function makeReady(root) {
  const node = chooseNode(root);
  if (toInstall(root, node).length > 0) {
    const lock = await holdLock(join(root, ".cache", "set-up.lock"));
    try {
      // checked again: another start may have installed them in the meantime
      await installAll(toInstall(root, node), lock);
    } finally {
      lock.release();
    }
  }
  return node.path;
}

/**
 * @typedef {object} NodeChoice
 * @property {string} path
 * @property {string} [folder] where its package is installed; absent for the running Node
 */

/**
 * The running Node when it is new enough, otherwise the one of npm's platform package. The package
 * `node` is no alternative: its install script downloads an unpinned binary, and npm 12 blocks it.
 * @param {string} root
 * @returns {NodeChoice}
 */
function chooseNode(root) {
  if (Number(process.versions.node.split(".")[0]) >= neededNode) return { path: process.execPath };
  const folder = join(root, "scripts", "node");
  const name = `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
  const { optionalDependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const isMusl = process.platform === "linux" && libcName() === "musl";
  if (optionalDependencies[name] === undefined || isMusl) {
    throw new SetUpError(
      `Weir runs on Node ${neededNode} or newer; this is Node ${process.versions.node}, and npm has no ` +
        `binary for ${process.platform} ${process.arch}${isMusl ? " (musl)" : ""}.\n` +
        `Install Node ${neededNode} from https://nodejs.org or with your package manager, then run this again.`,
    );
  }
  const binary = process.platform === "win32" ? "node.exe" : "node";
  return { path: join(folder, "node_modules", name, "bin", binary), folder };
}

/**
 * @param {string} root
 * @param {NodeChoice} node
 * @returns {string[]} folders
 */
function toInstall(root, node) {
  const folders = node.folder === undefined ? [root] : [root, node.folder];
  return folders.filter(
    (folder) =>
      missingPackages(folder).length > 0 || (folder === node.folder && !existsSync(node.path)),
  );
}

/**
 * Installs the folders in parallel: the dependencies are limited by the CPU, Node by the network.
 * @param {string[]} folders
 * @param {import("./lock.mjs").Lock} lock
 */
async function installAll(folders, lock) {
  if (folders.length === 0) return;
  for (const folder of folders) refuseFullDisk(folder);
  const what = folders.map((folder) =>
    isNodeFolder(folder) ? `Node ${neededNode}` : `${missingPackages(folder).length} packages`,
  );
  const progress = reportProgress(`Installing ${what.join(" and ")}, only once`);
  try {
    const done = await Promise.allSettled(folders.map((folder) => installOne(folder, lock)));
    const failure = done.find((result) => result.status === "rejected");
    if (failure !== undefined) throw failure.reason;
  } catch (error) {
    progress.end("failed");
    throw error;
  }
  progress.end("done");
}

/** @param {string} folder */
function isNodeFolder(folder) {
  return folder.endsWith(join("scripts", "node"));
}

/**
 * On a full disk npm itself retries for minutes and then exits with 0.
 * @param {string} folder
 */
function refuseFullDisk(folder) {
  if (existsSync(join(folder, "node_modules"))) return;
  const neededMb = isNodeFolder(folder) ? 200 : 700;
  const { bavail, bsize } = statfsSync(folder);
  const freeMb = Math.floor((bavail * bsize) / 1e6);
  if (freeMb < neededMb) {
    throw new SetUpError(
      `The disk of ${folder} has ${freeMb} MB left; its packages take about ${neededMb} MB.`,
    );
  }
}

/**
 * @param {string} folder
 * @param {import("./lock.mjs").Lock} lock
 */
async function installOne(folder, lock) {
  const { output, code } = await runNpm(
    [
      "ci",
      `--prefix=${folder}`,
      // No dependency of Weir needs its install script, so none is run.
      "--ignore-scripts",
      // With NODE_ENV=production, or omit= in an npmrc, npm would leave these out.
      "--include=dev",
      "--include=optional",
      "--no-audit",
      "--no-fund",
      "--no-progress",
      "--loglevel=warn",
      // With the defaults npm retries for minutes before it reports that there is no network.
      "--fetch-retry-mintimeout=1000",
      "--fetch-retry-maxtimeout=10000",
    ],
    lock,
  );
  const missing = code === 0 ? missingPackages(folder) : [];
  if (code !== 0 || missing.length > 0) {
    throw new SetUpError(explainNpmFailure({ folder, output, missing }));
  }
}

/**
 * @param {string[]} args
 * @param {import("./lock.mjs").Lock} lock
 * @returns {Promise<{ output: string, code: number }>}
 */
async function runNpm(args, lock) {
  const [command, ...first] = npmCommand();
  const child = spawn(command, [...first, ...args], { shell: command === "npm.cmd" });
  if (child.pid !== undefined) lock.add(child.pid);
  endWithLauncher(child, { group: false });
  const output = keepOutput(child);
  /** @type {NodeJS.Signals | undefined} */
  let interrupted;
  const stop = (/** @type {NodeJS.Signals} */ signal) => {
    interrupted ??= signal;
    child.kill("SIGTERM");
  };
  const release = forwardSignals(stop);
  const unwatch = watchParents(() => stop("SIGTERM"));
  try {
    const code = await exitCode(child);
    if (interrupted !== undefined) {
      const text = "Interrupted; the next start installs again.";
      throw new SetUpError(text, signalExitCode(interrupted));
    }
    return { output: output(), code };
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    throw new SetUpError("npm is not on the PATH: install it, or start with `npm start`.");
  } finally {
    unwatch();
    release();
  }
}

/**
 * The npm that runs this script, if any; otherwise the one on the PATH.
 * @returns {[string, ...string[]]}
 */
function npmCommand() {
  const path = process.env.npm_execpath;
  if (path !== undefined && /^npm-cli\.c?js$/.test(basename(path)) && existsSync(path)) {
    return [process.execPath, path];
  }
  return [process.platform === "win32" ? "npm.cmd" : "npm"];
}
