/** How `weir up` starts the entries of the process table as child processes. */
import { join } from "node:path";
import type { Config } from "../config/schema.ts";
import type { ChildSpec } from "../process/child-program.ts";
import { type DatabaseUrls, urlVariables } from "../process/databases.ts";
import { embeddedDataVariable } from "../process/paths.ts";
import type { Supervisor } from "../process/supervisor.ts";
import { instancesOf, type ProcessEntry, processes } from "./processes.ts";

const readyTimeoutMs = 60_000;

/**
 * Starts every process that the configuration needs; resolves with the URL of the HTTP server when
 * all are ready. Clients of that server start after it.
 * @throws Error when one ends or is not ready within a minute, with the end of its output
 */
export async function startProcesses(supervisor: Supervisor, config: Config): Promise<string> {
  const needed = processes.filter((entry) => entry.isNeeded(config));
  const start = (entry: ProcessEntry, serverUrl?: string) =>
    supervisor.start(childSpec(entry, { config, serverUrl }), readyTimeoutMs);
  const startAll = async (entry: ProcessEntry) => {
    const url = await start(entry);
    if (url !== undefined) await Promise.all(startOthers(entry, url));
    return url;
  };
  const urls = await Promise.all(needed.filter(({ isClient }) => !isClient).map(startAll));
  const url = urls.find((found) => found !== undefined);
  if (url === undefined) throw new Error("no process reported a URL");
  await Promise.all(needed.filter(({ isClient }) => isClient).map((entry) => start(entry, url)));
  return url;

  /** The further processes of an entry, on the port of the first. */
  function startOthers(entry: ProcessEntry, firstUrl: string): Promise<unknown>[] {
    return Array.from({ length: instancesOf(entry, config) - 1 }, (_, index) => {
      const instance = { number: index + 2, url: firstUrl };
      return supervisor.start(childSpec(entry, { config, instance }), readyTimeoutMs);
    });
  }
}

function childSpec(
  entry: ProcessEntry,
  about: {
    readonly config: Config;
    readonly serverUrl?: string | undefined;
    /** One of several processes of the entry, after the first; with the first one's URL. */
    readonly instance?: { readonly number: number; readonly url: string };
  },
): ChildSpec {
  const { config, serverUrl, instance } = about;
  const { parts, nodeFlags, listens, isClient } = entry;
  const name = instance === undefined ? entry.name : `${entry.name}-${instance.number}`;
  return {
    name,
    nodeFlags,
    stopsFirst: isClient,
    arguments(previousUrl = instance?.url) {
      const flags = ["serve", "--parts", parts.join(",")];
      if (instance !== undefined) flags.push("--name", name);
      if (instancesOf(entry, config) > 1) flags.push("--share-port");
      if (listens) {
        // a restarted server keeps its address, also one with a port that the system chose
        const port = previousUrl === undefined ? config.http.port : portOf(previousUrl);
        flags.push("--host", config.http.host, "--port", String(port));
      }
      if (serverUrl !== undefined) flags.push("--url", serverUrl);
      return flags;
    },
  };
}

/** Where the shop is, for health and CORS: its free ports are chosen before the children start. */
function shopVariables({ shop }: Config): Record<string, string> {
  return {
    WEIR_SHOP_ENABLED: String(shop.enabled),
    WEIR_SHOP_PORT: String(shop.port),
    WEIR_SHOP_PORTS_PRODUCTS: String(shop.ports.products),
    WEIR_SHOP_PORTS_ORDERS: String(shop.ports.orders),
    WEIR_SHOP_PORTS_NOTIFICATIONS: String(shop.ports.notifications),
  };
}

function portOf(url: string): number {
  return Number(new URL(url).port || 80);
}

/**
 * Environment variables of all child processes.
 * @param embeddedData folder of the embedded PostgreSQL, if that is the database
 */
export function childEnvironment(
  config: Config,
  urls: DatabaseUrls,
  embeddedData: string | undefined,
): Record<string, string> {
  return {
    ...urlVariables(urls),
    ...(embeddedData === undefined ? {} : { [embeddedDataVariable]: embeddedData }),
    WEIR_ENV: config.env,
    // before WEIR_DATA_DIR and weir.yaml
    WEIR_DATA: config.data_dir,
    WEIR_DEMO_RATE: String(config.demo.rate),
    ...shopVariables(config),
    // A compile cache saves 22 MB in each process, which then does not load the TypeScript stripper,
    // and half of the start time (docs/decisions/0008).
    NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? join(config.data_dir, "compiled"),
    // glibc keeps one heap per thread and does not return freed memory; fewer arenas and mapped large
    // blocks save 100 MB under load. Other C libraries ignore these variables.
    MALLOC_ARENA_MAX: process.env["MALLOC_ARENA_MAX"] ?? "2",
    MALLOC_MMAP_THRESHOLD_: process.env["MALLOC_MMAP_THRESHOLD_"] ?? "131072",
  };
}
