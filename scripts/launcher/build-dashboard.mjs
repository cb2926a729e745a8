import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { join, relative } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { endWithLauncher, exitCode, keepOutput } from "./child.mjs";

const notSources = new Set(["node_modules", ".next", "out", "next-env.d.ts"]);

/**
 * Whether dashboard/out was built from the current sources, compared by content: modification times
 * change with each `git checkout`.
 * @param {{ root: string }} context
 */
export function isDashboardBuilt({ root }) {
  const built = join(root, "dashboard", "out", "index.html");
  return existsSync(built) && readIfThere(stampFile(root)) === hashSources(root);
}

/**
 * Builds the static export of the dashboard with low priority, so that the server that starts at the
 * same time comes first. Prints one line at the end, or the error.
 *
 * @param {{ root: string, node: string, env: NodeJS.ProcessEnv }} context
 * @returns {{ done: Promise<boolean>, stop(signal?: NodeJS.Signals): Promise<void> }}
 */
export function buildDashboard({ root, node, env }) {
  const began = performance.now();
  const sources = hashSources(root);
  const folder = join(root, "dashboard");
  const next = createRequire(join(folder, "package.json")).resolve("next/dist/bin/next");
  const niced = process.platform !== "win32";
  const [command, first] = niced ? ["nice", ["-n", "5", node]] : [node, []];
  const child = spawn(command, [...first, next, "build"], {
    cwd: folder,
    env: { ...env, NODE_ENV: "production", NEXT_TELEMETRY_DISABLED: "1" },
    // in a process group of its own, to end it together with the workers that Next starts
    detached: niced,
  });
  endWithLauncher(child, { group: niced });
  const output = keepOutput(child);
  let stopped = false;
  const done = ended(child).then((problem) => {
    if (stopped) return false;
    if (problem !== undefined) {
      say(`The dashboard could not be built (${problem}); the API runs without it.\n${output()}`);
      return false;
    }
    try {
      compressFiles(join(folder, "out"));
      mkdirSync(join(root, ".cache"), { recursive: true });
      writeWhole(stampFile(root), sources);
    } catch (error) {
      // a full disk: the next start builds it again; Weir, which this process started, runs on
      say(`The dashboard could not be completed (${error}); the API runs without it.`);
      return false;
    }
    const seconds = ((performance.now() - began) / 1000).toFixed(0);
    say(`The dashboard is built (${seconds} s).`);
    return true;
  });
  return {
    done,
    async stop(signal = "SIGTERM") {
      if (child.exitCode !== null || child.signalCode !== null) return;
      stopped = true;
      if (niced && child.pid !== undefined) process.kill(-child.pid, signal);
      else child.kill(signal);
      await done;
    },
  };
}

/**
 * Writes `x.js.br` and `x.js.gz` beside each `x.js`, so that the server never compresses: the first
 * load is 0.2 MB instead of 0.8 MB.
 * @param {string} folder
 */
function compressFiles(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !/\.(js|css|html|svg|txt|json)$/.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    const bytes = readFileSync(path);
    if (bytes.length < 1024) continue;
    writeWhole(`${path}.br`, brotliCompressSync(bytes));
    writeWhole(`${path}.gz`, gzipSync(bytes));
  }
}

/**
 * A full disk must not leave half a file, which would be served.
 * @param {string} path
 * @param {string | Buffer} content
 */
function writeWhole(path, content) {
  const draft = `${path}.new`;
  try {
    writeFileSync(draft, content);
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/**
 * @param {import("node:child_process").ChildProcess} child
 * @returns {Promise<string | undefined>} the problem, if any
 */
async function ended(child) {
  try {
    const code = await exitCode(child);
    return code === 0 ? undefined : `exit code ${code}`;
  } catch (error) {
    return String(error);
  }
}

/**
 * Replaces the status line that the server keeps at the bottom of a terminal.
 * @param {string} text
 */
function say(text) {
  process.stderr.write(`${process.stderr.isTTY ? "\r\u001b[2K" : ""}${text}\n`);
}

/** @param {string} root */
function stampFile(root) {
  return join(root, ".cache", "dashboard-sources");
}

/** @param {string} root */
function hashSources(root) {
  const hash = createHash("sha256");
  for (const file of [...filesOf(join(root, "dashboard")), ...filesOf(join(root, "protocol"))]) {
    hash
      .update(`${relative(root, file)}\0`)
      .update(readFileSync(file))
      .update("\0");
  }
  return hash.digest("hex");
}

/**
 * @param {string} folder
 * @returns {string[]}
 */
function filesOf(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !notSources.has(name) && !/\.tsbuildinfo$|\.test\.tsx?$/.test(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? filesOf(path) : [path];
    });
}

/** @param {string} file */
function readIfThere(file) {
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}
