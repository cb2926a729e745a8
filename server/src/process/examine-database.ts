/** The checks of `weir doctor` on the database: version, durability, migrations, functions, clock. */
import { readSqlFiles } from "../adapters/postgres/migrate.ts";
import { openPool } from "../adapters/postgres/pool.ts";
import { messageOf } from "../core/errors.ts";
import type { Queryable } from "../core/ports/database.ts";
import type { Finding } from "./examine-machine.ts";

const maximumClockSkewMs = 2_000;

/** @param url undefined when no database is configured or running */
export async function examineDatabase(url: string | undefined): Promise<Finding[]> {
  if (url === undefined) {
    const detail = "none is running; `weir up` starts its own";
    return [{ check: "database", ok: true, detail }];
  }
  await using pool = openPool({ url, applicationName: "weir doctor", max: 1 });
  try {
    const [state] = await pool.query<DatabaseState>({ text: stateSql });
    if (state === undefined) throw new Error("the database returned no row");
    return [
      {
        check: "database",
        ok: state.number >= 180_000,
        detail: `PostgreSQL ${state.version}`,
        fix: "Weir needs PostgreSQL 18",
      },
      durability(state),
      ...(await sqlFiles(pool, state)),
      clock(state),
    ];
  } catch (error) {
    return [
      {
        check: "database",
        ok: false,
        detail: messageOf(error),
        fix: "start the database, or correct WEIR_DATABASE_URL",
      },
    ];
  }
}

interface DatabaseState {
  readonly version: string;
  readonly number: number;
  readonly fsync: string;
  readonly synchronous_commit: string;
  readonly full_page_writes: string;
  readonly applied: string;
  /** False in a database of an older version. */
  readonly has_functions: boolean;
  readonly clock_ms: number;
}

const stateSql = `
  select current_setting('server_version') as version,
    current_setting('server_version_num')::int as number,
    current_setting('fsync') as fsync,
    current_setting('synchronous_commit') as synchronous_commit,
    current_setting('full_page_writes') as full_page_writes,
    (select count(*) from public.weir_migrations) as applied,
    to_regclass('public.weir_functions') is not null as has_functions,
    (extract(epoch from clock_timestamp()) * 1000)::float8 as clock_ms`;

function durability(state: DatabaseState): Finding {
  const settings = [state.fsync, state.synchronous_commit, state.full_page_writes];
  const ok = settings.every((setting) => setting === "on");
  return {
    check: "durability",
    ok,
    detail: ok
      ? "a commit is on disk before it is acknowledged"
      : "fsync, synchronous_commit or full_page_writes is off",
    fix: "enable all three settings: without them accepted events can be lost",
  };
}

async function sqlFiles(pool: Queryable, state: DatabaseState): Promise<Finding[]> {
  const { migrations, functions } = await readSqlFiles();
  const applied = state.has_functions
    ? await pool.query<{ name: string; checksum: string }>({
        text: "select name, checksum from public.weir_functions",
      })
    : [];
  const checksums = new Map(applied.map(({ name, checksum }) => [name, checksum]));
  const current = functions.filter(({ name, checksum }) => checksums.get(name) === checksum).length;
  return [
    {
      check: "migrations",
      ok: Number(state.applied) === migrations.length,
      detail: `${state.applied} of ${migrations.length} applied`,
      fix: "run `weir migrate`",
    },
    {
      check: "functions",
      ok: current === functions.length,
      detail: `${current} of ${functions.length} are those of this version`,
      fix: "run `weir migrate`",
    },
  ];
}

function clock({ clock_ms }: DatabaseState): Finding {
  const skewMs = Math.round(clock_ms - Date.now());
  return {
    check: "clock",
    ok: Math.abs(skewMs) < maximumClockSkewMs,
    detail: `${skewMs} ms between this machine and the database`,
    fix: "synchronise the clocks: receipt times depend on them",
  };
}
