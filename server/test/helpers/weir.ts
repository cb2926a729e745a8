import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CleanUp } from "../../../testing/database.ts";
import { until } from "../../../testing/until.ts";
import { type RunFile, readRunFile, readSecretFile } from "../../src/process/run-file.ts";

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

export interface RunningWeir {
  readonly dataDir: string;
  readonly run: RunFile;
  readonly adminKey: string;
  readonly process: ChildProcess;
  /** What `weir up` printed so far. */
  output(): string;
  /** SIGINT, as Ctrl-C; resolves with the exit code when the process is gone. */
  stop(): Promise<number | null>;
}

/** Runs one command of the command line to its end. */
export function runCommand(
  parameters: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<{ readonly exitCode: number | null; readonly output: string; readonly stdout: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, ...parameters], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...environment },
    });
    let output = "";
    let stdout = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk;
      stdout += chunk;
    });
    child.stderr.on("data", (chunk: Buffer) => {
      output += chunk;
    });
    child.once("close", (exitCode) => resolve({ exitCode, output, stdout }));
  });
}

export interface WeirOptions {
  /** Reused for a second start on the same data. */
  readonly dataDir?: string;
  readonly arguments?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Of another build: see `mutated-build.ts`. */
  readonly main?: string;
}

/** Starts `weir up` as a user would, on a free port with a data folder of its own. */
export async function startWeir(t: CleanUp, options: WeirOptions = {}): Promise<RunningWeir> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "weir-test-"));
  const child = spawn(
    process.execPath,
    [
      options.main ?? main,
      "up",
      ...["--data", dataDir, "--port", "0"],
      ...(options.arguments ?? ["--no-demo"]),
    ],
    { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...options.environment } },
  );
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    output += chunk;
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    output += chunk;
  });
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const stop = () => {
    child.kill("SIGINT");
    return exited;
  };
  t.after(async () => {
    await stop();
    if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
  });
  const run = await until(
    () => {
      if (child.exitCode !== null) throw new Error(`weir up ended (${child.exitCode}):\n${output}`);
      const found = readRunFile(dataDir);
      return found?.pids["supervisor"] === child.pid ? found : undefined;
    },
    {
      what: () => `weir up to be ready:\n${output}`,
      timeoutMs: Math.max(60_000, Number(process.env["WEIR_TEST_WAIT_MS"] ?? 0)),
    },
  );
  return {
    dataDir,
    run,
    adminKey: readSecretFile(run.keys.admin ?? "") ?? "",
    process: child,
    output: () => output,
    stop,
  };
}
