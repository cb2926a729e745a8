/** Where the processor time of a running system goes, by process and by PostgreSQL backend. */
import { readdirSync, readFileSync } from "node:fs";
import pg from "pg";

interface Used {
  readonly ticks: number;
  readonly name: string;
}

/** Everything below `root`, by pid, in clock ticks. */
function read(root: number, names: ReadonlyMap<number, string>): Map<number, Used> {
  const stats = new Map<number, { parent: number; ticks: number; title: string }>();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const command = readFileSync(`/proc/${entry}/cmdline`, "utf8").replaceAll("\0", " ");
      stats.set(Number(entry), {
        parent: Number(fields[1]),
        ticks: Number(fields[11]) + Number(fields[12]),
        title: command.trim(),
      });
    } catch {
      // it ended while the list was read
    }
  }
  const used = new Map<number, Used>();
  const isBelow = (pid: number): boolean => {
    if (pid === root) return true;
    const parent = stats.get(pid)?.parent;
    return parent !== undefined && isBelow(parent);
  };
  for (const [pid, { ticks, title }] of stats) {
    if (isBelow(pid)) used.set(pid, { ticks, name: names.get(pid) ?? nameOf(title) });
  }
  return used;
}

function nameOf(title: string): string {
  const backend = /^postgres: (.*)$/.exec(title)?.[1];
  if (backend !== undefined) return `postgres: ${backend.replace(/\b\d.*$/, "").trim()}`;
  return /--parts[ =](\S+)/.exec(title)?.[1] ?? title.split(" ").slice(1, 3).join(" ");
}

export interface CpuReport {
  /** Microseconds of processor time, the most first. */
  readonly byName: readonly (readonly [name: string, micros: number])[];
}

/** Begins to count; the answer ends it. Backends that ended meanwhile are not counted. */
export async function countCpu(
  root: number,
  databaseUrl: string,
): Promise<() => Promise<CpuReport>> {
  const names = async () => {
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    const { rows } = await client.query<{ pid: number; name: string }>(
      "select pid, 'postgres: ' || coalesce(nullif(application_name, ''), backend_type) as name from pg_stat_activity",
    );
    await client.end();
    return new Map(rows.map(({ pid, name }) => [pid, name]));
  };
  const before = read(root, await names());
  return async () => {
    const after = read(root, await names());
    const sums = new Map<string, number>();
    for (const [pid, { ticks, name }] of after) {
      const spent = ticks - (before.get(pid)?.ticks ?? 0);
      sums.set(name, (sums.get(name) ?? 0) + spent * 10_000);
    }
    return { byName: [...sums].filter(([, micros]) => micros > 0).sort((a, b) => b[1] - a[1]) };
  };
}
