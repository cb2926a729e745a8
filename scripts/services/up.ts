import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { freePorts, isFree } from "../../testing/servers/free-ports.ts";
import { InstallError } from "../../testing/servers/install/command.ts";
import { type Kind, kinds } from "../../testing/servers/kinds.ts";
import { type Place, untilHealthy } from "../../testing/servers/server.ts";
import { signalGroup, spawnServer } from "../../testing/servers/server-process.ts";
import { giveAway } from "../../testing/servers/unprivileged-user.ts";
import { type Request, UsageError } from "./command.ts";
import {
  createFolder,
  groupOf,
  processGroups,
  readStates,
  removeState,
  writeState,
} from "./running.ts";
import { printStatus } from "./status.ts";

/** Starts what does not run yet. When one fails, or on Ctrl-C, all that this call started is stopped again. */
export async function up({ names, json, ports }: Request): Promise<number> {
  const chosen = chooseKinds(names);
  refuseUnknownPorts(ports, chosen);
  const missing = chosen.filter((kind) => kind.install.find() === undefined);
  if (missing.length > 0) {
    const list = missing.map((kind) => kind.install.name).join(" ");
    throw new InstallError(`Not installed: ${list}. Run: npm run services -- install ${list}`);
  }
  const groups = await processGroups();
  const running = readStates().filter((state) => groupOf(state, groups) !== undefined);
  const absent = chosen.filter(({ install }) => !running.some(({ name }) => name === install.name));
  const started = new Map<string, ChildProcess>();
  const undo = async (): Promise<void> => {
    for (const [name, child] of started) {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
        const exited = once(child, "exit");
        signalGroup(child.pid, "SIGKILL");
        await exited;
      }
      await removeState(name, false);
    }
  };
  const interrupt = (signal: NodeJS.Signals): void => {
    void undo().finally(() => process.exit(signal === "SIGINT" ? 130 : 143));
  };
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  const placed = await Promise.all(
    absent.map(async (kind) => ({ kind, place: await placeOf(kind, ports) })),
  );
  try {
    await Promise.all(placed.map(({ kind, place }) => start(kind, { place, started })));
  } catch (error) {
    await undo();
    throw new InstallError((error as Error).message, { cause: error });
  }
  process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  for (const child of started.values()) child.unref();
  return printStatus(
    json,
    chosen.map(({ install }) => install.name),
  );
}

function chooseKinds(names: readonly string[]): readonly Kind[] {
  const unknown = names.filter((name) => !kinds.some(({ install }) => install.name === name));
  if (unknown.length > 0) {
    const known = kinds.map(({ install }) => install.name).join(", ");
    throw new UsageError(`There is no server ${unknown.join(", ")}. Known: ${known}.`);
  }
  return kinds.filter(({ install }) => names.length === 0 || names.includes(install.name));
}

function refuseUnknownPorts(ports: Request["ports"], chosen: readonly Kind[]): void {
  for (const [server, wanted] of ports) {
    const kind = chosen.find(({ install }) => install.name === server);
    if (kind === undefined)
      throw new UsageError(`--port: ${server} is not among the servers to start.`);
    for (const port of wanted.keys()) {
      if (port === "" || kind.ports.includes(port)) continue;
      throw new UsageError(
        `--port: ${server} has the ports ${kind.ports.join(", ")}, not ${port}.`,
      );
    }
  }
}

async function placeOf(kind: Kind, fixed: Request["ports"]): Promise<Place> {
  const { install } = kind;
  const installed = install.find();
  if (installed === undefined) throw new InstallError(`${install.name} is not installed.`);
  const wanted = fixed.get(install.name);
  const free = await freePorts(kind.ports.length);
  const ports: Record<string, number> = {};
  for (const [index, port] of kind.ports.entries()) {
    const number = wanted?.get(port) ?? (index === 0 ? wanted?.get("") : undefined);
    if (number !== undefined && !(await isFree(number))) {
      throw new InstallError(`${install.name}: port ${number} is taken by another process.`);
    }
    ports[port] = number ?? free[index] ?? 0;
  }
  const folder = await createFolder(install.name);
  return { installed, folder, dataFolder: join(folder, "data"), ports };
}

async function start(
  kind: Kind,
  { place, started }: { readonly place: Place; readonly started: Map<string, ChildProcess> },
): Promise<void> {
  const { name } = kind.install;
  const logFile = join(place.folder, `${name}.log`);
  await mkdir(place.dataFolder, { recursive: true });
  await giveAway(place.folder);
  const launch = await kind.prepare(place);
  await giveAway(place.folder);
  const child = spawnServer(launch, { cwd: place.folder, logFile, endsWithParent: false });
  started.set(name, child);
  const pid = child.pid ?? 0;
  const { version } = place.installed;
  // before it is healthy: an interrupted command must find it again
  const group = (await processGroups()).get(pid);
  await writeState({
    name,
    version,
    pid,
    started: group?.started ?? "",
    ports: place.ports,
    logFile,
  });
  await untilHealthy(() => kind.isHealthy(place), { child, name, logFile });
}
