/** The checks of `weir doctor` on this machine: Node.js, data folder, disk, memory, role files, port. */
import { existsSync, statfsSync } from "node:fs";
import { freemem } from "node:os";
import type { Config } from "../config/schema.ts";
import { messageOf } from "../core/errors.ts";
import { readPolicies } from "../parts/auth/policies.ts";
import { createDataFolder } from "./data-folder.ts";
import { policiesFolder } from "./paths.ts";
import { checkPortIsFree } from "./port.ts";

export interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
  /** What to do when it is not ok. */
  readonly fix?: string;
}

const GiB = 1024 ** 3;
const minimumDiskGiB = 2;

/**
 * @param neededMiB memory of all processes under load
 * @param runningUrl of the Weir that runs on the data folder, which explains a port in use
 */
export async function examineMachine(
  config: Config,
  {
    neededMiB,
    runningUrl,
  }: { readonly neededMiB: number; readonly runningUrl?: string | undefined },
): Promise<Finding[]> {
  return [
    nodeVersion(),
    dataFolder(config.data_dir),
    disk(config.data_dir),
    memory(neededMiB),
    await policies(),
    runningUrl === undefined
      ? await port(config)
      : { check: "port", ok: true, detail: `Weir is running at ${runningUrl}` },
  ];
}

function nodeVersion(): Finding {
  const [major = 0] = process.versions.node.split(".").map(Number);
  return {
    check: "node",
    ok: major >= 24,
    detail: `Node.js ${process.versions.node}`,
    fix: "run commands as `npx weir …` in the checkout, which installs Node.js 24",
  };
}

function dataFolder(folder: string): Finding {
  try {
    createDataFolder(folder);
    return { check: "data", ok: true, detail: `${folder} is writable` };
  } catch (error) {
    return {
      check: "data",
      ok: false,
      detail: messageOf(error),
      fix: "choose another folder with --data, or change its owner or permissions",
    };
  }
}

function disk(folder: string): Finding {
  const { bavail, bsize } = statfsSync(existsSync(folder) ? folder : ".");
  const free = (bavail * bsize) / GiB;
  return {
    check: "disk",
    ok: free > minimumDiskGiB,
    detail: `${free.toFixed(1)} GiB free; ten million events take about 6 GiB`,
    fix: "free disk space, or lower retention.raw_days",
  };
}

function memory(neededMiB: number): Finding {
  const free = freemem() / GiB;
  const needed = neededMiB / 1024;
  return {
    check: "memory",
    ok: free > needed / 2,
    detail: `${free.toFixed(1)} GiB free; Weir uses about ${needed.toFixed(1)} GiB under load`,
    fix: "stop other programs, or add memory",
  };
}

async function policies(): Promise<Finding> {
  try {
    const roles = await readPolicies(policiesFolder);
    const detail = `roles ${roles.map(({ name }) => name).join(", ")}`;
    return { check: "policies", ok: true, detail };
  } catch (error) {
    return {
      check: "policies",
      ok: false,
      detail: messageOf(error),
      fix: "correct the named role file",
    };
  }
}

async function port({ http: { host, port: number } }: Config): Promise<Finding> {
  try {
    await checkPortIsFree({ host, port: number });
    return { check: "port", ok: true, detail: `${host}:${number} is free` };
  } catch (error) {
    return {
      check: "port",
      ok: false,
      detail: messageOf(error),
      fix: "choose another port with --port",
    };
  }
}
