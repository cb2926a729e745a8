/** The relay as an operating-system process of its own, as `weir up` and `weir serve` run it. */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { CleanUp, TestDatabase } from "../../../../testing/database.ts";
import type { KafkaServer } from "../../../../testing/servers/kafka.ts";
import { until } from "../../../../testing/until.ts";

const realMain = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));

export interface RelayProcess {
  readonly pid: number;
  /** What it logged so far. */
  output(): string;
  /** SIGKILL; resolves when it is dead. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
}

export interface RelayProcessOptions {
  readonly database: Pick<TestDatabase, "urls">;
  readonly server: Pick<KafkaServer, "brokers">;
  readonly dataDir: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Of another build: see `mutated-build.ts`. */
  readonly main?: string;
}

export async function startRelay(t: CleanUp, options: RelayProcessOptions): Promise<RelayProcess> {
  const { database, server, dataDir } = options;
  const child = spawn(
    process.execPath,
    [options.main ?? realMain, "serve", "--parts", "relay", "--data", dataDir],
    {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        WEIR_DATABASE_APP_URL: database.urls.app,
        WEIR_KAFKA_BROKERS: server.brokers.join(","),
        WEIR_KAFKA_CONNECT_TIMEOUT_MS: "2000",
        WEIR_KAFKA_REQUEST_TIMEOUT_MS: "3000",
        WEIR_KAFKA_TOPICS_EVENTS_PARTITIONS: "3",
        WEIR_RELAY_PAGE_EVENTS: "100",
        ...options.environment,
      },
    },
  );
  let output = "";
  const keep = (chunk: Buffer) => {
    output += chunk;
  };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  const gone = exitOf(child);
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    // a suspended process ends only when it continues
    child.kill("SIGCONT");
    return gone;
  };
  t.after(async () => {
    await end("SIGKILL");
  });
  await until(
    () => {
      if (child.exitCode !== null)
        throw new Error(`the relay ended (${child.exitCode}):\n${output}`);
      return output.includes('"msg":');
    },
    { what: () => `the relay to start:\n${output}`, timeoutMs: 60_000 },
  );
  return {
    pid: child.pid ?? 0,
    output: () => output,
    kill: async () => {
      await end("SIGKILL");
    },
    stop: () => end("SIGTERM"),
  };
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once("exit", (code) => resolve(code)));
}
