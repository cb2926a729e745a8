/** Weir as `npm start` runs it: npm, the launcher and the supervisor, in a small copy of the checkout. */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type CleanUp, createTestFolder } from "../../../testing/database.ts";
import { until } from "../../../testing/until.ts";

const root = join(import.meta.dirname, "../../..");

export interface Checkout {
  readonly folder: string;
  /** A dependency that is not installed, and whose registry accepts connections and never answers. */
  requireFrom(registry: string): void;
}

/** With the real launcher and server, all dependencies installed, and a dashboard that counts as built. */
export async function smallCheckout(t: CleanUp): Promise<Checkout> {
  const folder = await createTestFolder(t);
  for (const name of ["launch.mjs", "launcher"]) {
    cpSync(join(root, "scripts", name), join(folder, "scripts", name), { recursive: true });
  }
  for (const name of ["node_modules/.cache", "dashboard/out", "protocol", ".cache"]) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  symlinkSync(join(root, "server"), join(folder, "server"));
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const files: Record<string, string> = {
    "package.json": JSON.stringify({ name: "checkout", scripts }),
    "package-lock.json": '{"packages":{}}',
    "node_modules/.package-lock.json": '{"packages":{}}',
    "dashboard/out/index.html": "",
    // of a dashboard without sources
    ".cache/dashboard-sources": createHash("sha256").digest("hex"),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return {
    folder,
    requireFrom(registry) {
      const integrity = `sha512-${createHash("sha512").digest("base64")}`;
      const dependency = { version: "1.0.0", resolved: `${registry}/slow.tgz`, integrity };
      const lock = {
        name: "checkout",
        lockfileVersion: 3,
        requires: true,
        packages: {
          "": { name: "checkout", dependencies: { slow: "1.0.0" } },
          "node_modules/slow": dependency,
        },
      };
      writeFileSync(join(folder, "package-lock.json"), JSON.stringify(lock));
      const dependencies = { slow: "1.0.0" };
      writeFileSync(
        join(folder, "package.json"),
        JSON.stringify({ name: "checkout", scripts, dependencies }),
      );
    },
  };
}

export interface Started {
  readonly npm: ChildProcess;
  readonly output: () => string;
  /** Exit code, or 128 + n for a signal, as a shell shows it. */
  readonly ended: Promise<number | string>;
}

/** In a process group of its own, as a process manager or a terminal starts it. */
export function npmStart(
  t: CleanUp,
  { folder }: Checkout,
  { dataDir, registry }: { readonly dataDir: string; readonly registry?: string },
): Started {
  const npm = spawn("npm", ["start", "--", "--data", dataDir, "--port", "0", "--no-demo"], {
    cwd: folder,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      WEIR_TEST_MARK: dataDir,
      ...(registry === undefined ? {} : { npm_config_registry: registry }),
    },
  });
  let output = "";
  for (const stream of [npm.stdout, npm.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  t.after(() => {
    for (const pid of processesOf(dataDir)) killIfThere(pid);
  });
  const ended = new Promise<number | string>((resolve) =>
    npm.once("exit", (code, signal) => resolve(code ?? signal ?? "unknown")),
  );
  return { npm, output: () => output, ended };
}

/** All running processes of the installation in `dataDir`, those of PostgreSQL and of npm included. */
function processesOf(dataDir: string): number[] {
  const own = new Set([process.pid]);
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid > 0 && !own.has(pid))
    .filter((pid) => {
      if (stateOf(pid) === "Z") return false;
      const about = [textOf(pid, "cmdline"), textOf(pid, "environ"), workingFolder(pid)];
      return about.some((text) => text.includes(dataDir));
    });
}

/** The process among them whose arguments match, such as the launcher. */
export function findProcess(dataDir: string, pattern: RegExp): number | undefined {
  return processesOf(dataDir).find((pid) =>
    pattern.test(textOf(pid, "cmdline").replaceAll("\0", " ")),
  );
}

export async function untilNoProcess(dataDir: string, timeoutMs: number): Promise<void> {
  const left = () => processesOf(dataDir).map((pid) => `${pid} ${textOf(pid, "cmdline")}`);
  await until(() => processesOf(dataDir).length === 0, {
    what: () => `all processes to end; left: ${left().join("\n")}`,
    timeoutMs,
    everyMs: 50,
  });
}

function textOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

function stateOf(pid: number): string | undefined {
  const stat = textOf(pid, "stat");
  return stat.slice(stat.lastIndexOf(")") + 2)[0];
}

function workingFolder(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
