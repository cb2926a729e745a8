/** The part `deliveries` as an operating-system process of its own, which a test can kill. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { CleanUp, TestDatabase } from "../../../testing/database.ts";
import { until } from "../../../testing/until.ts";

const realMain = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

export interface DeliveriesProcess {
  /** SIGKILL; resolves when it is dead. */
  kill(): Promise<void>;
  /** What it logged so far. */
  output(): string;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
}

export async function startDeliveriesProcess(
  t: CleanUp,
  options: {
    readonly database: Pick<TestDatabase, "urls">;
    readonly dataDir: string;
    /** Of another build: see `mutated-build.ts`. */
    readonly main?: string;
  },
): Promise<DeliveriesProcess> {
  const child: ChildProcess = spawn(
    process.execPath,
    [options.main ?? realMain, "serve", "--parts", "deliveries", "--data", options.dataDir],
    {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        WEIR_DATABASE_APP_URL: options.database.urls.app,
        WEIR_DELIVERIES_ALLOW_PRIVATE: "127.0.0.1",
        WEIR_DELIVERIES_RETRY_BASE_MS: "10",
        WEIR_DELIVERIES_RETRY_MAX_MS: "50",
        WEIR_DELIVERIES_PAGE_EVENTS: "50",
        WEIR_RESILIENCE_GUARDS_DELIVERY_BREAKER_OPEN_MS: "50",
      },
    },
  );
  let output = "";
  const keep = (chunk: Buffer) => {
    output += chunk;
  };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  const gone = once(child, "exit") as Promise<[number | null]>;
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    const [code] = await gone;
    return code;
  };
  t.after(async () => {
    await end("SIGKILL");
  });
  await until(
    () => {
      if (child.exitCode !== null) throw new Error(`the process ended:\n${output}`);
      return output.includes('"msg":');
    },
    { what: () => `the process to start:\n${output}`, timeoutMs: 60_000 },
  );
  return {
    kill: async () => {
      await end("SIGKILL");
    },
    output: () => output,
    stop: () => end("SIGTERM"),
  };
}
