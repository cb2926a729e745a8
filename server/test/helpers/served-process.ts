/** `weir serve`: one process of an installation with several, as a process manager starts it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { CleanUp } from "../../../testing/database.ts";
import { until } from "../../../testing/until.ts";
import type { DatabaseUrls } from "../../src/process/databases.ts";
import { urlVariables } from "../../src/process/databases.ts";

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

export interface ServedProcess {
  readonly url: string;
  readonly pid: number;
  output(): string;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
}

export interface ServeOptions {
  readonly urls: DatabaseUrls;
  readonly dataDir: string;
  readonly parts?: string;
  readonly name?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export async function serveProcess(t: CleanUp, options: ServeOptions): Promise<ServedProcess> {
  const { urls, dataDir, parts = "http", name, environment } = options;
  const flags = ["--data", dataDir, "serve", "--parts", parts, "--port", "0"];
  if (name !== undefined) flags.push("--name", name);
  const child = spawn(process.execPath, [main, ...flags], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...urlVariables(urls), WEIR_ENV: "test", ...environment },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk;
    });
  }
  const ended = once(child, "exit");
  t.after(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const ready = await until(
    () => {
      if (child.exitCode !== null) throw new Error(`weir serve ended:\n${output}`);
      return /"listen":(null|"[^"]+").*"ready"/.exec(output) ?? undefined;
    },
    {
      what: () => `weir serve to be ready:\n${output}`,
      timeoutMs: Math.max(60_000, Number(process.env["WEIR_TEST_WAIT_MS"] ?? 0)),
    },
  );
  return {
    url: (JSON.parse(ready[1] ?? "null") as string | null) ?? "",
    pid: child.pid ?? 0,
    output: () => output,
    async stop() {
      child.kill("SIGTERM");
      const [code] = (await ended) as [number | null];
      return code;
    },
  };
}
