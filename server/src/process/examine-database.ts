/** The checks of `weir doctor` on the database: its preparation, durability, clock. */
import { openPool } from "../adapters/postgres/pool.ts";
import type { Config } from "../config/schema.ts";
import { messageOf } from "../core/errors.ts";
import type { DatabaseUrls } from "./databases.ts";
import type { Finding } from "./examine-machine.ts";
import { examinePreparation } from "./examine-preparation.ts";

const maximumClockSkewMs = 2_000;

/** @param urls undefined when no database is configured or running */
export async function examineDatabase(
  config: Config,
  urls: Partial<DatabaseUrls> | undefined,
): Promise<Finding[]> {
  const url = urls?.owner ?? urls?.app ?? urls?.ingest;
  if (urls === undefined || url === undefined) {
    const detail = "none is running; `weir up` starts its own";
    return [{ check: "database", ok: true, detail }];
  }
  try {
    const prepared = await examinePreparation(config, urls);
    if (prepared.some(({ check, ok }) => check.startsWith("login ") && !ok)) return prepared;
    return [...prepared, ...(await examineServer(url))];
  } catch (error) {
    return [
      {
        check: "database",
        ok: false,
        detail: messageOf(error),
        fix: "start the database, or correct its URL",
      },
    ];
  }
}

interface ServerState {
  readonly fsync: string;
  readonly synchronous_commit: string;
  readonly full_page_writes: string;
  readonly clock_ms: number;
}

async function examineServer(url: string): Promise<Finding[]> {
  await using pool = openPool({ url, applicationName: "weir doctor", max: 1 });
  const [state] = await pool.query<ServerState>({
    text: `select current_setting('fsync') as fsync,
             current_setting('synchronous_commit') as synchronous_commit,
             current_setting('full_page_writes') as full_page_writes,
             (extract(epoch from clock_timestamp()) * 1000)::float8 as clock_ms`,
  });
  if (state === undefined) throw new Error("the database returned no row");
  return [durability(state), clock(state)];
}

function durability(state: ServerState): Finding {
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

function clock({ clock_ms }: ServerState): Finding {
  const skewMs = Math.round(clock_ms - Date.now());
  return {
    check: "clock",
    ok: Math.abs(skewMs) < maximumClockSkewMs,
    detail: `${skewMs} ms between this machine and the database`,
    fix: "synchronise the clocks: receipt times depend on them",
  };
}
