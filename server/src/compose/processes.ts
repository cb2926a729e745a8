/**
 * The table of processes. `weir up` starts each needed entry as a child process, and `weir serve
 * --parts` composes the entries of the named parts in one process.
 *
 * To add a process: add an entry here and a file in this folder that exports `compose`.
 */
import type { Config } from "../config/schema.ts";
import type { Login } from "../process/databases.ts";
import { runsShop } from "../process/shop/services.ts";
import type { Compose } from "./options.ts";
import { shopProcesses } from "./shop.ts";
import { usesIntake } from "./uses-intake.ts";

export interface ProcessEntry {
  /** The key in `pids` of run.json and the name in messages. */
  readonly name: string;
  /** The names for `weir serve --parts`, each in one entry only. */
  readonly parts: readonly string[];
  /** The logins of the database that each of the parts uses; none: it works without the database. */
  readonly logins: Readonly<Record<string, readonly Login[]>>;
  /** Loaded when it runs, so that a process keeps only its own modules in memory. */
  load(): Promise<Compose>;
  /** It opens a port and reports its URL. One entry listens. */
  readonly listens: boolean;
  /** It calls the entry that listens, so it starts after it and stops before it. */
  readonly isClient: boolean;
  /** Flags of Node.js when it runs as a child process. */
  readonly nodeFlags: readonly string[];
  /** Resident memory at 5,000 events/s, for the check of `weir doctor`. */
  readonly memoryMiB: number;
  /** Whether `weir up` starts it. */
  isNeeded(config: Config): boolean;
}

const always = () => true;
const supervisorMiB = 100;
const postgresMiB = 350;
/** Of each of its processes, and of each service in it. */
const shopMiB = { process: 60, service: 20 };

export const processes: readonly ProcessEntry[] = [
  {
    name: "http",
    parts: ["http"],
    logins: { http: ["app", "ingest"] },
    load: async () => (await import("./http.ts")).compose,
    listens: true,
    isClient: false,
    // Node.js would let the young generation grow to 128 MB under load
    nodeFlags: ["--max-semi-space-size=8"],
    memoryMiB: 200,
    isNeeded: always,
  },
  {
    name: "etl",
    // the windows are computed in PostgreSQL, so that this process has time for deliveries
    parts: ["etl", "retention", "deliveries"],
    logins: { etl: ["app"], retention: ["owner", "app"], deliveries: ["app"] },
    load: async () => (await import("./etl.ts")).compose,
    listens: false,
    isClient: false,
    nodeFlags: [],
    memoryMiB: 100,
    isNeeded: always,
  },
  {
    name: "stream",
    parts: ["stream"],
    logins: { stream: ["app"] },
    load: async () => (await import("./stream.ts")).compose,
    listens: false,
    isClient: false,
    // A page is allocated and freed as a whole: a small young generation saves 100 MB at the same speed
    nodeFlags: ["--max-semi-space-size=16"],
    memoryMiB: 250,
    isNeeded: always,
  },
  {
    name: "intake",
    parts: ["intake"],
    logins: { intake: ["app", "ingest"] },
    load: async () => (await import("./intake.ts")).compose,
    listens: false,
    isClient: false,
    nodeFlags: ["--max-semi-space-size=16"],
    memoryMiB: 250,
    isNeeded: usesIntake,
  },
  {
    name: "spark",
    parts: ["spark"],
    logins: { spark: ["app"] },
    load: async () => (await import("./spark.ts")).compose,
    listens: false,
    isClient: false,
    nodeFlags: [],
    // with the JVM and the workers of a local master
    memoryMiB: 1_800,
    isNeeded: ({ spark, engine }) => spark.enabled || engine.windows === "spark",
  },
  {
    name: "relay",
    parts: ["relay"],
    logins: { relay: ["app"] },
    load: async () => (await import("./relay.ts")).compose,
    listens: false,
    isClient: false,
    // messages are allocated and freed page by page
    nodeFlags: ["--max-semi-space-size=16"],
    memoryMiB: 150,
    isNeeded: ({ kafka, relay }) => kafka.brokers.length > 0 && relay.enabled,
  },
  {
    name: "demo",
    parts: ["demo"],
    logins: { demo: [] },
    load: async () => (await import("./demo.ts")).compose,
    listens: false,
    isClient: true,
    nodeFlags: [],
    memoryMiB: 100,
    isNeeded: (config) => config.demo.enabled,
  },
];

/** Every part name, in the order of the table. */
export const partNames: readonly string[] = processes.flatMap(({ parts }) => parts);

/** The parts of `weir serve` without `--parts`: a whole server, and no client of it. */
export const serverParts: readonly string[] = processes
  .filter(({ isClient }) => !isClient)
  .flatMap(({ parts }) => parts);

/** The entries that hold at least one of the named parts. */
export function processesOf(parts: ReadonlySet<string>): ProcessEntry[] {
  return processes.filter((entry) => entry.parts.some((part) => parts.has(part)));
}

/** The logins of the database that the named parts use. */
export function loginsOf(parts: ReadonlySet<string>): Login[] {
  const used = processes.flatMap(({ logins }) =>
    Object.entries(logins).flatMap(([part, names]) => (parts.has(part) ? names : [])),
  );
  return [...new Set(used)];
}

/** How many processes of an entry `weir up` runs. */
export function instancesOf({ listens }: ProcessEntry, config: Config): number {
  return listens ? config.http.processes : 1;
}

const databaseConnections = { all: 75, ofEachHttpProcess: 25, ofTheShop: 40 };

/** What the embedded PostgreSQL must allow. */
export function connectionsNeeded({ http, shop }: Config): number {
  return (
    databaseConnections.all +
    http.processes * databaseConnections.ofEachHttpProcess +
    (shop.enabled ? databaseConnections.ofTheShop : 0)
  );
}

/** Memory of everything that `weir up` runs, under load. */
export function memoryNeededMiB(config: Config): number {
  return processes
    .filter((entry) => entry.isNeeded(config))
    .reduce(
      (sum, entry) => sum + entry.memoryMiB * instancesOf(entry, config),
      supervisorMiB + postgresMiB + shopMemoryMiB(config),
    );
}

function shopMemoryMiB(config: Config): number {
  if (!runsShop(config)) return 0;
  return shopProcesses(config).reduce(
    (sum, { services }) => sum + shopMiB.process + services.length * shopMiB.service,
    0,
  );
}
