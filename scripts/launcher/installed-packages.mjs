import { readFileSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "./set-up-error.mjs";

/**
 * @typedef {object} LockedPackage an entry of a lock file, as far as it is read here
 * @property {string} [version]
 * @property {string} [integrity]
 * @property {boolean} [link]
 * @property {boolean} [optional]
 * @property {boolean} [devOptional]
 * @property {string | string[]} [os]
 * @property {string | string[]} [cpu]
 * @property {string | string[]} [libc]
 */

/**
 * The packages of a folder's package-lock.json that are not installed. npm writes
 * node_modules/.package-lock.json when an install is complete, and `npm ci` removes it first, so an
 * interrupted install has none. The comparison also finds an install for another platform, or one
 * without the development dependencies.
 *
 * npm skips an optional package without a message when its download fails; one for exactly this
 * platform, such as the binaries of PostgreSQL and Node, counts as missing.
 *
 * @param {string} folder
 * @returns {string[]} paths like `node_modules/pg`
 */
export function missingPackages(folder) {
  const wanted = packagesOf(join(folder, "package-lock.json"));
  if (wanted === undefined) throw new Error(`${join(folder, "package-lock.json")} is missing`);
  const installed = packagesOf(join(folder, "node_modules", ".package-lock.json")) ?? {};
  return Object.entries(wanted)
    .filter(([path, locked]) => path.includes("node_modules/") && !locked.link)
    .filter(([path, locked]) => {
      const found = installed[path];
      if (found !== undefined) {
        return found.version !== locked.version || found.integrity !== locked.integrity;
      }
      return isForThisPlatform(locked);
    })
    .map(([path]) => path);
}

/**
 * @param {string} file
 * @returns {Record<string, LockedPackage> | undefined}
 */
function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages;
  } catch (error) {
    if (codeOf(error) === "ENOENT" || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** @param {LockedPackage} locked */
function isForThisPlatform({ os, cpu, libc, optional, devOptional }) {
  const bound = os !== undefined || cpu !== undefined;
  if ((optional || devOptional) && !bound) return false;
  return (
    allows(os, process.platform) &&
    allows(cpu, process.arch) &&
    (libc === undefined || process.platform !== "linux" || allows(libc, libcName()))
  );
}

/**
 * @param {string | string[] | undefined} rule `linux`, `["linux", "darwin"]` or `["!win32"]`
 * @param {string} name
 */
function allows(rule, name) {
  if (rule === undefined) return true;
  const names = Array.isArray(rule) ? rule : [rule];
  if (names.includes(`!${name}`)) return false;
  return names.includes(name) || names.every((entry) => entry.startsWith("!"));
}

/** @type {string | undefined} */
let libcFound;

/** @returns {string} `glibc` or `musl`, of the running Node */
export function libcName() {
  libcFound ??= glibcVersion() === undefined ? "musl" : "glibc";
  return libcFound;
}

function glibcVersion() {
  const report = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (
    process.report.getReport()
  );
  return report.header.glibcVersionRuntime;
}
