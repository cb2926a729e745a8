import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { CleanUp } from "../../../testing/database.ts";
import { until } from "../../../testing/until.ts";
import { createLogger } from "../../src/foundation/logger.ts";
import type { RunningService, ServiceContext } from "../../src/foundation/running-service.ts";
import type { Environment } from "../../src/foundation/settings.ts";

/** Starts a service in the test's process; closed after the test. */
export async function startService(
  t: CleanUp,
  start: (context: ServiceContext) => Promise<RunningService>,
  environment: Environment,
): Promise<RunningService> {
  const stop = new AbortController();
  const logger = createLogger("test", process.env["WEIR_TEST_LOG"] ?? "silent");
  const service = await start({ environment, logger, signal: stop.signal });
  t.after(async () => {
    stop.abort(new Error("the test has ended"));
    await service.close();
  });
  return service;
}

export interface ShopProcess {
  /** By the name of the service. */
  readonly urls: Readonly<Record<string, string>>;
  readonly pid: number;
  /** Standard output and standard error so far. */
  output(): string;
  /** Also SIGSTOP and SIGCONT. */
  signal(name: NodeJS.Signals): void;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
}

export interface ShopProcessOptions {
  /** Services that run in this process. */
  readonly names: readonly string[];
  readonly environment: Environment;
  /** Another build's `shop/src/main.ts`. */
  readonly main?: string;
}

const realMain = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

/** Starts services as a child process, as a process manager does; killed after the test. */
export async function startShopProcess(
  t: CleanUp,
  { names, environment, main = realMain }: ShopProcessOptions,
): Promise<ShopProcess> {
  const child = spawn(process.execPath, [main, names.join(",")], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...withoutShop(process.env), ...environment },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk;
    });
  }
  const ended = once(child, "exit");
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  t.after(kill);
  const urls = await until(
    () => {
      if (child.exitCode !== null) throw new Error(`${names} ended:\n${output}`);
      const ready = [...output.matchAll(/^\{"ready":.*\}$/gm)].map(
        ([line]) => JSON.parse(line) as { ready: string; url: string },
      );
      return ready.length === names.length
        ? Object.fromEntries(ready.map((line) => [line.ready, line.url]))
        : undefined;
    },
    {
      what: () => `${names} to be ready:\n${output}`,
      timeoutMs: Math.max(60_000, Number(process.env["WEIR_TEST_WAIT_MS"] ?? 0)),
    },
  );
  return {
    urls,
    pid: child.pid ?? 0,
    output: () => output,
    signal: (name) => void child.kill(name),
    kill,
    async stop() {
      child.kill("SIGTERM");
      const [code] = (await ended) as [number | null];
      return code;
    },
  };
}

/** Settings of the machine's own shop must not reach a test's. */
function withoutShop(environment: Environment): Environment {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !name.startsWith("SHOP_")),
  );
}
