/**
 * Qdrant's engine behind its REST API, as a separate process: see testing/qdrant-shim/shim.py.
 * Python is `WEIR_TEST_PYTHON` (default python3) with the packages of server/test/parity/requirements.txt.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type CleanUp, createTestFolder } from "./database.ts";

export interface QdrantShim {
  /** The same after a restart. */
  readonly url: string;
  /** The folder of the points; a shim on a copy has them too. */
  readonly folder: string;
  /** SIGKILL; resolves when it is dead. Acknowledged points are kept. */
  kill9(): Promise<void>;
  /** Suspends it with its connections open, and resumes it. */
  pause(): void;
  resume(): void;
  /** After `kill9`, on the same port. */
  start(): Promise<void>;
}

interface ShimOptions {
  readonly apiKey?: string;
  /** PEM files. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

const script = join(import.meta.dirname, "qdrant-shim", "shim.py");

export async function startQdrantShim(t: CleanUp, options: ShimOptions = {}): Promise<QdrantShim> {
  const folder = await createTestFolder(t);
  const { apiKey, tls } = options;
  const fixed = [
    ...(apiKey === undefined ? [] : ["--api-key", apiKey]),
    ...(tls === undefined ? [] : ["--tls-cert", tls.cert, "--tls-key", tls.key]),
  ];
  let port = 0;
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    const started = await spawnShim(["--folder", folder, "--port", String(port), ...fixed]);
    child = started.child;
    port = started.port;
  };
  const kill9 = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  };
  t.after(kill9);
  await start();
  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    folder,
    kill9,
    pause: () => void child?.kill("SIGSTOP"),
    resume: () => void child?.kill("SIGCONT"),
    start,
  };
}

async function spawnShim(args: string[]): Promise<{ child: ChildProcess; port: number }> {
  const python = process.env["WEIR_TEST_PYTHON"] ?? "python3";
  // it ends with its standard input, so a killed test leaves none behind
  const child = spawn(python, [script, ...args], { stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  child.stderr.on("data", (data: Buffer) => {
    said = (said + data.toString()).slice(-4_000);
  });
  const failed = Promise.race([once(child, "exit"), once(child, "error")]).then(([why]) => {
    throw new Error(
      `The Qdrant shim did not start (${String(why)}): ${said}\n` +
        "It needs a Python with server/test/parity/requirements.txt, named by WEIR_TEST_PYTHON.",
    );
  });
  const lines = createInterface({ input: child.stdout });
  const [line] = (await Promise.race([once(lines, "line"), failed])) as [string];
  // the later exit is not a failure
  failed.catch(() => {});
  return { child, port: (JSON.parse(line) as { port: number }).port };
}
