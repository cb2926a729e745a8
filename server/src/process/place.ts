/**
 * Whether Weir can run where it is asked to: its folder and its port. Everything here is checked within a
 * second and before PostgreSQL is started, and each problem names the setting that causes it.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Config } from "../config/schema.ts";
import { messageOf } from "../core/errors.ts";
import { createDataFolder } from "./data-folder.ts";
import { readFormat } from "./data-format.ts";
import { runsWeir } from "./leftovers.ts";
import { checkPortIsFree } from "./port.ts";
import { readRunFile } from "./run-file.ts";
import { shopListeners } from "./shop/addresses.ts";

export interface PlaceProblem {
  /** The path of the setting that must change. */
  readonly setting: string;
  /** A sentence without a full stop. */
  readonly problem: string;
  readonly hint: string;
}

const otherFolder = "choose another folder with --data";
const otherPort = "choose a port with --port, or --port 0 for a free one";
const otherHost = "choose an address of this machine with --host; 127.0.0.1 is this machine only";
const probeBytes = 64 * 1024;
/** A new cluster of PostgreSQL takes 45 MB, and its first checkpoints as much again. */
const newClusterMb = 100;

/** The first problem of the data folder; undefined when it can be used. */
export function findFolderProblem(folder: string): PlaceProblem | undefined {
  const found = folderProblem(folder);
  if (found === undefined) return undefined;
  const [problem, hint = otherFolder] = found;
  return {
    setting: "data_dir",
    problem: `the data folder ${folder} cannot be used: ${problem}`,
    hint,
  };
}

type Found = readonly [problem: string, hint?: string];

function folderProblem(folder: string): Found | undefined {
  try {
    createDataFolder(folder);
    probe(folder);
  } catch (error) {
    // an installation waits for space: a machine that restarts with a full disk recovers by itself
    if (!isFull(error) || !hasCluster(folder)) return [reasonOf(error)];
  }
  return otherWeir(folder) ?? foreignCluster(folder) ?? newerData(folder) ?? lackOfSpace(folder);
}

/** Writes and syncs a file: permissions, read-only mounts, quotas and full disks show only then. */
function probe(folder: string): void {
  const path = join(folder, `.probe-${process.pid}`);
  try {
    const file = openSync(path, "w", 0o600);
    try {
      writeFileSync(file, Buffer.alloc(probeBytes));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } finally {
    rmSync(path, { force: true });
  }
}

function isFull(error: unknown): boolean {
  return ["ENOSPC", "EDQUOT"].includes((error as NodeJS.ErrnoException).code ?? "");
}

function hasCluster(folder: string): boolean {
  return existsSync(join(folder, "postgres", "cluster", "data"));
}

function reasonOf(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case "EACCES":
    case "EPERM":
      return `user ${process.getuid?.() ?? "?"} may not write there (${messageOf(error)})`;
    case "EROFS":
      return "it is on a read-only file system";
    case "ENOSPC":
    case "EDQUOT":
      return "its disk is full";
    case "ENOENT":
      return `no folder can be created there (${messageOf(error)})`;
    default:
      return messageOf(error);
  }
}

function otherWeir(folder: string): Found | undefined {
  const pid = readRunFile(folder)?.pids["supervisor"];
  if (pid === undefined || pid === process.pid || !runsWeir(pid, "up")) return undefined;
  return [`another Weir is running on it (process ${pid})`, `stop that one, or ${otherFolder}`];
}

function foreignCluster(folder: string): Found | undefined {
  const cluster = join(folder, "postgres", "cluster");
  const owner = statSync(cluster, { throwIfNoEntry: false })?.uid;
  const own = process.getuid?.();
  if (owner === undefined || own === undefined || own === 0 || owner === own) return undefined;
  return [
    `its database belongs to user ${owner}, and this process runs as ${own}`,
    `run Weir as the user that started it first, or ${otherFolder}`,
  ];
}

function newerData(folder: string): Found | undefined {
  const format = readFormat(folder);
  if (format === undefined || !format.isNewer) return undefined;
  return [
    `it was written by a newer Weir (${format.version})`,
    `start that version, or ${otherFolder}`,
  ];
}

function lackOfSpace(folder: string): Found | undefined {
  if (hasCluster(folder)) return undefined;
  const { bavail, bsize } = statfsSync(folder);
  const freeMb = Math.floor((bavail * bsize) / 1e6);
  if (freeMb >= newClusterMb) return undefined;
  return [`its disk has ${freeMb} MB free, and a new database needs ${newClusterMb} MB`];
}

/** The problem of the address to listen on; undefined when it is free. */
export async function findPortProblem({
  http: { host, port },
}: Pick<Config, "http">): Promise<PlaceProblem | undefined> {
  try {
    await checkPortIsFree({ host, port });
    return undefined;
  } catch (error) {
    return portProblem((error as NodeJS.ErrnoException).code, { host, port, error });
  }
}

/**
 * The same for the shop's ports.
 * @param isChosen the port of its pages is not the default, which another one replaces when it is in use
 */
export async function findShopPortProblem(
  config: Config,
  isChosen: boolean,
): Promise<PlaceProblem | undefined> {
  for (const { setting, host, port } of shopListeners(config)) {
    if (port === 0 || (setting === "shop.port" && !isChosen)) continue;
    try {
      await checkPortIsFree({ host, port });
    } catch (error) {
      const found = portProblem((error as NodeJS.ErrnoException).code, { host, port, error });
      return {
        setting,
        problem: `the shop: ${found.problem}`,
        hint: "choose another with --shop-port (0 for a free one), or start without the shop: --no-shop",
      };
    }
  }
  return undefined;
}

/** @param code of the operating system, such as EADDRINUSE */
export function portProblem(
  code: string | undefined,
  { host, port, error }: { readonly host: string; readonly port: number; readonly error: unknown },
): PlaceProblem {
  switch (code) {
    case "EADDRINUSE":
      return {
        setting: "http.port",
        problem: `port ${port} on ${host} is already in use`,
        hint: `another Weir may be running; ${otherPort}`,
      };
    case "EACCES":
      return {
        setting: "http.port",
        problem: `user ${process.getuid?.() ?? "?"} may not listen on port ${port} of ${host}`,
        hint: `ports below 1024 are privileged; ${otherPort}`,
      };
    case "EADDRNOTAVAIL":
      return {
        setting: "http.host",
        problem: `${host} is not an address of this machine`,
        hint: otherHost,
      };
    case "ENOTFOUND":
    case "EAI_AGAIN":
    case "ETIMEDOUT":
      return {
        setting: "http.host",
        problem: `the host name ${host} cannot be resolved`,
        hint: otherHost,
      };
    default:
      return {
        setting: "http.host",
        problem: `cannot listen on ${host}:${port}: ${messageOf(error)}`,
        hint: otherHost,
      };
  }
}
