/** The CPU time of a running system, by process and by PostgreSQL backend. */
import { readFileSync } from "node:fs";
import pg from "pg";
import { readTree } from "./processes.ts";

/** Undefined when it has ended. */
function nameOf(pid: number): string | undefined {
  let title: string;
  try {
    title = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return undefined;
  }
  const backend = /^postgres: (.*)$/.exec(title)?.[1];
  if (backend !== undefined) return `postgres: ${backend.replace(/\b\d.*$/, "").trim()}`;
  return /--parts[ =](\S+)/.exec(title)?.[1] ?? title.split(" ").slice(1, 3).join(" ");
}

export interface CpuReport {
  /** Microseconds of CPU time, largest first. */
  readonly byName: readonly (readonly [name: string, micros: number])[];
}

/** Starts counting; the returned function stops. Backends that ended meanwhile are not counted. */
export function countCpu(root: number, databaseUrl: string): () => Promise<CpuReport> {
  const names = async () => {
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    const { rows } = await client.query<{ pid: number; name: string }>(
      "select pid, 'postgres: ' || coalesce(nullif(application_name, ''), backend_type) as name from pg_stat_activity",
    );
    await client.end();
    return new Map(rows.map(({ pid, name }) => [pid, name]));
  };
  const before = readTree(root);
  return async () => {
    const backends = await names();
    const sums = new Map<string, number>();
    for (const [pid, { micros }] of readTree(root)) {
      const name = backends.get(pid) ?? nameOf(pid);
      if (name === undefined) continue;
      const spent = micros - (before.get(pid)?.micros ?? 0);
      sums.set(name, (sums.get(name) ?? 0) + spent);
    }
    return { byName: [...sums].filter(([, micros]) => micros > 0).sort((a, b) => b[1] - a[1]) };
  };
}
