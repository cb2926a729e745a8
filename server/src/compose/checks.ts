import type { Metrics } from "../adapters/telemetry/metrics.ts";
import type { Queryable } from "../core/ports/database.ts";
import type { Check, CheckResult } from "../parts/health/health-routes.ts";

const checkTimeoutMs = 1_500;
/** Windows further behind than this are worth a person's look. */
const lagLimitSeconds = 60;

/** PostgreSQL answers, and how fast. */
export function databaseCheck(database: Queryable): Check {
  return inTime({ status: "down", detail: silentDatabase }, async () => {
    const started = performance.now();
    try {
      const [row] = await database.query<{ version: string; recovery: boolean }>(
        {
          name: "health_postgres",
          text: "select current_setting('server_version') as version, pg_is_in_recovery() as recovery",
        },
        { timeoutMs: checkTimeoutMs },
      );
      const ms = Math.round((performance.now() - started) * 100) / 100;
      return { status: "ok", ms, facts: { version: row?.version, recovery: row?.recovery } };
    } catch {
      return { status: "down", detail: silentDatabase };
    }
  });
}

const silentDatabase = "PostgreSQL does not answer; events are refused with 503";

/** A probe that waits is worth less than one that says so: a frozen server answers nothing at all. */
export function inTime(otherwise: CheckResult, check: Check): Check {
  return async () => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<CheckResult>((resolve) => {
      timer = setTimeout(resolve, checkTimeoutMs, otherwise);
    });
    return Promise.race([check(), late]).finally(() => clearTimeout(timer));
  };
}

/** The windows keep up: a worker is alive and the cursor is fresh. */
export function etlCheck(database: Queryable): Check {
  return inTime({ status: "down", detail: unknownWindows }, async () => {
    try {
      const [row] = await database.query<{ heartbeat_s: string | null; read_s: string }>(
        {
          name: "health_etl",
          text: `select round(extract(epoch from now() - l.heartbeat_at), 1)::text as heartbeat_s,
                        round(extract(epoch from now() - c.read_at), 1)::text as read_s
                 from etl.cursors c left join etl.leases l on l.reader = c.reader
                 where c.reader = 'windows'`,
        },
        { timeoutMs: checkTimeoutMs },
      );
      if (row === undefined || row.heartbeat_s === null) {
        return { status: "degraded", detail: "no etl worker has started yet" };
      }
      const facts = { heartbeat_s: Number(row.heartbeat_s), read_s: Number(row.read_s) };
      if (facts.heartbeat_s > 10) {
        return { status: "degraded", detail: "no etl worker is alive; windows stand still", facts };
      }
      if (facts.read_s > lagLimitSeconds) {
        return {
          status: "degraded",
          detail: `windows are ${Math.round(facts.read_s)} s behind`,
          facts,
        };
      }
      return { status: "ok", facts };
    } catch {
      return { status: "down", detail: unknownWindows };
    }
  });
}

/** Pages of the log become points: nothing waits for long. */
export function streamCheck(database: Queryable): Check {
  return inTime({ status: "down", detail: unknownStream }, async () => {
    try {
      const [row] = await database.query<{ read_s: string; model: string | null }>(
        {
          name: "health_stream",
          text: `select round(extract(epoch from now() - least(c.read_at, (select min(read_at) from stream.pages))), 1)::text as read_s,
                        (select id from vectors.models where state = 'live') as model
                 from etl.cursors c where c.reader = 'stream'`,
        },
        { timeoutMs: checkTimeoutMs },
      );
      const facts = { read_s: Number(row?.read_s), model: row?.model ?? null };
      if (row === undefined || row.model === null) {
        return { status: "degraded", detail: "the part stream has not started yet", facts };
      }
      if (facts.read_s > lagLimitSeconds) {
        return {
          status: "degraded",
          detail: `products are ${Math.round(facts.read_s)} s behind the raw log`,
          facts,
        };
      }
      return { status: "ok", facts };
    } catch {
      return { status: "down", detail: unknownStream };
    }
  });
}

const unknownStream = "the state of the stream cannot be read";
const unknownWindows = "the state of the windows cannot be read";

/**
 * How far the windows are, for `/metrics`: from the tables, because the worker is another process,
 * perhaps on another machine. A database that does not answer leaves the gauges as they were.
 */
export function observeWindows(metrics: Metrics, database: Queryable): void {
  const lag = metrics.gauge({
    name: "weir_etl_read_age_seconds",
    help: "Age of the windows: every event committed before that is in them",
  });
  const heartbeat = metrics.gauge({
    name: "weir_etl_heartbeat_age_seconds",
    help: "Time since the windows' worker gave a sign of life",
  });
  const folded = metrics.gauge({
    name: "weir_etl_folded_events",
    help: "Raw events folded into windows since the installation",
  });
  const runs = metrics.gauge({
    name: "weir_etl_window_runs",
    help: "Reruns of windows, by state",
    labels: ["state"],
  });
  metrics.onCollect(async () => {
    const [row] = await database.query<WindowFigures>(windowFigures, options).catch(() => []);
    if (row === undefined) return;
    lag.set(row.read_age);
    heartbeat.set(row.heartbeat_age ?? Number.NaN);
    folded.set(Number(row.events));
    for (const [state, count] of Object.entries(row.runs ?? {})) runs.set({ state }, count);
  });
}

const options = { timeoutMs: checkTimeoutMs } as const;

interface WindowFigures {
  readonly read_age: number;
  readonly heartbeat_age: number | null;
  readonly events: string;
  readonly runs: Readonly<Record<string, number>> | null;
}

const windowFigures = {
  name: "metrics_windows",
  text: `select extract(epoch from now() - c.read_at)::float8 as read_age,
           extract(epoch from now() - l.heartbeat_at)::float8 as heartbeat_age,
           c.events,
           (select json_object_agg(state, n)
            from (select state, count(*) as n from etl.window_runs group by state) r) as runs
         from etl.cursors c left join etl.leases l on l.reader = c.reader
         where c.reader = 'windows'`,
};
