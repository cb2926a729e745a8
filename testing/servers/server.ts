/** Real servers for tests: unprivileged, on free ports of the loopback interface, in a folder of their own. */
import type { ChildProcess } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type CleanUp, createTestFolder } from "../database.ts";
import { until } from "../until.ts";
import { freePorts } from "./free-ports.ts";
import { freezeGroup } from "./freeze-group.ts";
import type { Install, Installed } from "./install/install.ts";
import { ended, type Launch, lastLines, signalGroup, spawnServer } from "./server-process.ts";
import { giveAway } from "./unprivileged-user.ts";

/** Where one server lives. */
export interface Place {
  readonly installed: Installed;
  /** For configuration; `data` below it is what `wipe` removes. */
  readonly folder: string;
  readonly dataFolder: string;
  readonly ports: Readonly<Record<string, number>>;
}

/** A kind of server: what it needs and how it starts. */
export interface ServerKind<Options> {
  readonly install: Install;
  /** Names of the ports that it listens on. */
  readonly ports: readonly string[];
  /** Writes its configuration, before every start; the data folder is empty at the first and after `wipe`. */
  prepare(place: Place, options: Options): Promise<Launch>;
  /** Whether it answers a real request; a rejection counts as no. */
  isHealthy(place: Place, options: Options): Promise<boolean>;
}

export interface Server extends Place {
  readonly logFile: string;
  /** Of the current process. */
  readonly pid: number;
  /** After `stop` or `kill`: on the same ports, with the same data; resolves when it is healthy. */
  start(): Promise<void>;
  /** Stops it in order, then `start`. */
  restart(): Promise<void>;
  /** SIGKILL to it and its children; resolves when it is dead. */
  kill(): Promise<void>;
  /** Suspends it with its connections open. */
  freeze(): void;
  continue(): void;
  /** Stops it, removes its data, and starts it empty. */
  wipe(): Promise<void>;
  stop(): Promise<void>;
}

/** Orders to stop take seconds at most; a server that does not follow is killed. */
const mostStarts = 3;
const stopMs = 20_000;

/** Starts a server until the test ends; resolves when it is healthy. */
export async function startServer<Options>(
  t: CleanUp,
  kind: ServerKind<Options>,
  options: Options,
): Promise<Server> {
  const { name } = kind.install;
  const installed = kind.install.find();
  if (installed === undefined) {
    throw new Error(`${name} is not installed: npm run services -- install ${name}`);
  }
  const folder = await createTestFolder(t);
  const numbers = await freePorts(kind.ports.length);
  const ports = Object.fromEntries(kind.ports.map((port, index) => [port, numbers[index] ?? 0]));
  const place = { installed, folder, dataFolder: join(folder, "data"), ports };
  const server = createServer(kind, { place, options });
  t.after(() => server.kill());
  await server.start();
  return server;
}

/** A server with more members; those of the server stay live, the process id for one. */
export function extend<More extends object>(server: Server, more: More): Server & More {
  return Object.defineProperties({} as Server & More, {
    ...Object.getOwnPropertyDescriptors(server),
    ...Object.getOwnPropertyDescriptors(more),
  });
}

function createServer<Options>(
  kind: ServerKind<Options>,
  { place, options }: { readonly place: Place; readonly options: Options },
): Server {
  const { name } = kind.install;
  const logFile = join(place.folder, `${name}.log`);
  let child: ChildProcess | undefined;

  const signal = (name: NodeJS.Signals): void => {
    if (child?.pid !== undefined) signalGroup(child.pid, name);
  };
  const kill = async (): Promise<void> => {
    if (child?.pid === undefined) return;
    signalGroup(child.pid, "SIGKILL");
    await ended(child);
  };
  const stop = async (): Promise<void> => {
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const current = child;
    const patience = setTimeout(() => void kill(), stopMs);
    process.kill(child.pid, "SIGTERM");
    // a suspended process sees the signal only when it runs
    signalGroup(child.pid, "SIGCONT");
    await ended(current);
    clearTimeout(patience);
    // what it may have left of its group
    signalGroup(child.pid, "SIGKILL");
  };
  const launchOnce = async (): Promise<void> => {
    await mkdir(place.dataFolder, { recursive: true });
    await giveAway(place.folder);
    const launch = await kind.prepare(place, options);
    await giveAway(place.folder);
    const started = spawnServer(launch, { cwd: place.folder, logFile, endsWithParent: true });
    child = started;
    await untilHealthy(() => kind.isHealthy(place, options), { child: started, name, logFile });
  };
  // a server that was killed sometimes needs a second start; that is not what the tests are about
  const start = async (): Promise<void> => {
    const isRestart = child !== undefined;
    for (let attempt = 1; ; attempt++) {
      try {
        await launchOnce();
        return;
      } catch (error) {
        if (!isRestart || attempt === mostStarts) throw error;
        console.error(`start ${attempt} of ${name} failed, once more: ${String(error)}`);
        await kill();
      }
    }
  };
  return {
    ...place,
    logFile,
    get pid() {
      return child?.pid ?? 0;
    },
    start,
    kill,
    stop,
    async restart() {
      await stop();
      await start();
    },
    freeze() {
      if (child?.pid !== undefined) freezeGroup(child.pid);
    },
    continue: () => signal("SIGCONT"),
    async wipe() {
      await stop();
      await rm(place.dataFolder, { recursive: true, force: true });
      await start();
    },
  };
}

interface Started {
  readonly child: ChildProcess;
  readonly name: string;
  readonly logFile: string;
}

/** Fails with the last lines of its log when it ends, or does not answer in time. */
export async function untilHealthy(
  isHealthy: () => Promise<boolean>,
  { child, name, logFile }: Started,
): Promise<void> {
  await until(
    async () => {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
        const why = child.signalCode ?? `exit code ${child.exitCode}`;
        throw new Error(`${name} did not start (${why}):\n${lastLines(logFile)}`);
      }
      return isHealthy().catch(() => false);
    },
    { what: () => `${name} to answer:\n${lastLines(logFile)}`, timeoutMs: 120_000, everyMs: 50 },
  );
}
