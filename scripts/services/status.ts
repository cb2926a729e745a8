import { join } from "node:path";
import { installs } from "../../testing/servers/install/installs.ts";
import { kinds } from "../../testing/servers/kinds.ts";
import type { Request } from "./command.ts";
import { folderOf, groupOf, processGroups, readStates, type State } from "./running.ts";
import { table } from "./table.ts";

interface Line extends State {
  readonly memoryMb: number;
  readonly health: "healthy" | "does not answer" | "has ended";
}

/** Exit code 1 when a server that was started does not answer. */
export async function status({ names, json }: Request): Promise<number> {
  const code = await printStatus(json, names);
  if (!json && names.length === 0) {
    const rows = installs.map((one) => [one.name, one.find()?.version ?? "-", one.what]);
    process.stdout.write(`\n${table(["installed", "version", "what"], rows)}`);
  }
  return code;
}

/** No names: all that were started. */
export async function printStatus(json: boolean, names: readonly string[]): Promise<number> {
  const groups = await processGroups();
  const chosen = readStates().filter(({ name }) => names.length === 0 || names.includes(name));
  const lines = await Promise.all(
    chosen.map(async (state): Promise<Line> => {
      const group = groupOf(state, groups);
      const memoryMb = Math.round(group?.memoryMb ?? 0);
      if (group === undefined) return { ...state, memoryMb, health: "has ended" };
      const health = (await answers(state)) ? "healthy" : "does not answer";
      return { ...state, memoryMb, health };
    }),
  );
  process.stdout.write(json ? `${JSON.stringify(lines, undefined, 2)}\n` : printed(lines));
  return lines.every(({ health }) => health === "healthy") ? 0 : 1;
}

async function answers({ name, version, ports }: State): Promise<boolean> {
  const kind = kinds.find(({ install }) => install.name === name);
  const folder = folderOf(name);
  const place = {
    installed: { version, path: "" },
    folder,
    dataFolder: join(folder, "data"),
    ports,
  };
  return (await kind?.isHealthy(place).catch(() => false)) === true;
}

function printed(lines: readonly Line[]): string {
  if (lines.length === 0) return "No server runs.\n";
  const rows = lines.map((line) => [
    line.name,
    line.version,
    Object.entries(line.ports)
      .map(([name, port]) => `${name} ${port}`)
      .join(", "),
    String(line.pid),
    `${line.memoryMb} MB`,
    line.health,
    line.logFile,
  ]);
  return table(["name", "version", "ports", "pid", "memory", "health", "log"], rows);
}
