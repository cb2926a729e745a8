import { existsSync, mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import type { Config } from "../config/schema.ts";
import { configuredUrls, type DatabaseUrls, urlVariables } from "../process/databases.ts";
import { type Installation, prepareInstallation } from "../process/installation.ts";
import { type KeptPostgres, keepPostgresRunning } from "../process/kept-postgres.ts";
import { removeRunFile, writeRunFile } from "../process/run-file.ts";
import { aborted, stopSignal } from "../process/signals.ts";
import { Supervisor } from "../process/supervisor.ts";
import { version } from "../process/version.ts";
import { contextOf, UserError } from "./context.ts";
import { firstScreen } from "./first-screen.ts";
import { showLiveLine } from "./live-line.ts";

const main = fileURLToPath(new URL("../main.ts", import.meta.url));
const childReadyMs = 60_000;

export function registerUp(program: Command): void {
  program
    .command("up")
    .description("run the whole system on this machine, with a PostgreSQL of its own")
    .option("--port <number>", "port of the HTTP server; 0 picks a free one", Number)
    .option("--host <address>", "address to listen on; loopback unless told otherwise")
    .option("--no-demo", "without the sample data and the simulated traffic")
    .option("--rate <number>", "simulated events per second", Number)
    .addHelpText("after", "\nExample:\n  $ weir up --data ./.weir --port 8080 --no-demo")
    .action(async (flags: UpFlags, command: Command) => {
      const { config } = contextOf(command, {
        "http.port": { flag: "--port", value: flags.port },
        "http.host": { flag: "--host", value: flags.host },
        "demo.enabled": { flag: "--no-demo", value: flags.demo === false ? false : undefined },
        "demo.rate": { flag: "--rate", value: flags.rate },
      });
      await up(config);
    });
}

interface UpFlags {
  readonly port?: number;
  readonly host?: string;
  readonly demo: boolean;
  readonly rate?: number;
}

async function up(config: Config): Promise<void> {
  const started = Number(process.env["WEIR_LAUNCHED_AT"] ?? Date.now());
  const signal = stopSignal();
  mkdirSync(config.data_dir, { recursive: true });
  await demandFreePort(config);

  await using stack = new AsyncDisposableStack();
  const problems = new Map<string, string>();
  let postgres: KeptPostgres | undefined;
  let urls = configuredUrls(config);
  if (urls === undefined) {
    postgres = stack.use(
      await keepPostgresRunning(config.data_dir, (problem) =>
        problem === undefined ? problems.delete("postgres") : problems.set("postgres", problem),
      ),
    );
    urls = postgres.urls;
  }
  const installation = await prepareInstallation(config, urls);
  if (signal.aborted) return;

  const supervisor = new Supervisor({
    main,
    logFolder: join(config.data_dir, "logs"),
    environment: childEnvironment(config, urls, installation),
    onExit: (name, how) => problems.set(name, `${name} ended (${how}), starting it again`),
    onReady: (name) => {
      problems.delete(name);
      writeRun();
    },
  });
  stack.defer(() => supervisor.stop());
  stack.defer(() => removeRunFile(config.data_dir));
  let url: string | undefined;
  let isReady = false;
  const writeRun = () => {
    if (!isReady || url === undefined) return;
    writeRunFile(config.data_dir, {
      version,
      url,
      shop_url: null,
      pids: {
        supervisor: process.pid,
        ...supervisor.processIds,
        ...(postgres === undefined ? {} : { postgres: postgres.pid() }),
      },
      database_url: urls.owner,
      keys: {
        admin: fileIfThere(installation.adminKey.file),
        demo: installation.demoKey === undefined ? null : fileIfThere(installation.demoKey.file),
      },
    });
  };
  postgres?.onRestart(writeRun);

  const [address] = await Promise.all([
    supervisor.start(
      {
        name: "http",
        arguments: (urlBefore) => {
          // where it was before, so that its clients find it; the first time, 0 lets it choose
          const port = urlBefore === undefined ? config.http.port : portOf(urlBefore);
          return ["serve", "--parts", "http", "--host", config.http.host, "--port", String(port)];
        },
        // Node.js would let it grow to 128 MB under load
        nodeFlags: ["--max-semi-space-size=8"],
      },
      childReadyMs,
    ),
    supervisor.start(
      { name: "etl", arguments: () => ["serve", "--parts", "etl,retention"] },
      childReadyMs,
    ),
    supervisor.start(
      {
        name: "stream",
        arguments: () => ["serve", "--parts", "stream"],
        // pages come and go as a whole: a small nursery keeps 100 MB less of them, at the same speed
        nodeFlags: ["--max-semi-space-size=16"],
      },
      childReadyMs,
    ),
  ]);
  url = address;
  if (config.demo.enabled && address !== undefined) {
    await supervisor.start(
      {
        name: "demo",
        arguments: () => ["demo", "--url", address, "--rate", String(config.demo.rate)],
        stopsFirst: true,
      },
      childReadyMs,
    );
  }

  process.stdout.write(
    firstScreen(
      {
        version,
        postgres: installation.postgresVersion,
        dataDir: config.data_dir,
        url: url ?? "",
        signInUrl:
          installation.signInToken === undefined
            ? undefined
            : `${url}/signin/#token=${installation.signInToken}`,
        adminKey: installation.adminKey,
        demoKey: installation.demoKey?.key,
        startedInMs: Date.now() - started,
      },
      process.stdout.isTTY === true && process.env["NO_COLOR"] === undefined,
    ),
  );
  isReady = true;
  writeRun();
  stack.use(
    showLiveLine(
      process.stdout,
      () => supervisor.counters,
      () => [...problems.values()],
    ),
  );

  await aborted(signal);
  process.stdout.write("\n  Stopping: what was taken is being finished.\n");
  await stack.disposeAsync();
  process.stdout.write("  Stopped.\n");
}

/** Says at once, and not after PostgreSQL has started, that somebody else listens there. */
async function demandFreePort({ http: { host, port } }: Config): Promise<void> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(
        error.code === "EADDRINUSE"
          ? new UserError(`port ${port} on ${host} is taken`, {
              hint: "another Weir, perhaps; choose a port with --port, or --port 0 for a free one",
            })
          : new UserError(`cannot listen on ${host}:${port}: ${error.message}`),
      );
    });
    server.listen(port, host, () => server.close(() => resolve()));
  });
}

function portOf(url: string): number {
  return Number(new URL(url).port || 80);
}

function childEnvironment(
  config: Config,
  urls: DatabaseUrls,
  installation: Installation,
): Record<string, string> {
  return {
    ...urlVariables(urls),
    WEIR_ENV: config.env,
    WEIR_DATA_DIR: config.data_dir,
    // Compiled code is kept from start to start: 22 MB less in each process, which then need not
    // load the TypeScript stripper, and half the time to start (docs/decisions/0008).
    NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? join(config.data_dir, "compiled"),
    // glibc keeps what large buffers and ended threads leave behind, a heap for each thread; mapped
    // apart and given back at once it is 100 MB less under load. Other libraries ignore these.
    MALLOC_ARENA_MAX: process.env["MALLOC_ARENA_MAX"] ?? "2",
    MALLOC_MMAP_THRESHOLD_: process.env["MALLOC_MMAP_THRESHOLD_"] ?? "131072",
    WEIR_INTERNAL_SENDER_KEYS: JSON.stringify(installation.senderKeys),
  };
}

function fileIfThere(file: string): string | null {
  return existsSync(file) ? file : null;
}
