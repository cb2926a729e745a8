/** One list of metrics for all processes: those without HTTP publish theirs in the database. */
import { hostname } from "node:os";
import { AggregatorRegistry, type MetricObject } from "prom-client";
import type { Queryable } from "../../core/ports/database.ts";
import type { MetricObjects, ProcessMetrics } from "./metrics.ts";

const publishIntervalMs = 5_000;
/** Older values belong to processes that have ended, as do values from the future, after the clock has stepped back. */
const freshSeconds = 30;
const timeoutMs = 1_500;
const thisProcess = `${hostname()}/${process.pid}`;

/**
 * Publishes the metrics of this process every five seconds, until the returned function is called. Parts that share a
 * process share its row: its values must not be added up.
 */
export function publishMetrics(database: Queryable, metrics: ProcessMetrics): () => void {
  const publish = async () => {
    await database.query(
      {
        name: "telemetry_publish",
        text: `with old as (delete from telemetry.processes
                 where at not between now() - interval '1 day' and now() + interval '1 day')
               insert into telemetry.processes (name, at, metrics) values ($1, now(), $2)
               on conflict (name) do update set at = excluded.at, metrics = excluded.metrics`,
        values: [thisProcess, JSON.stringify(await metrics.objects())],
      },
      { timeoutMs },
    );
  };
  const timer = setInterval(() => void publish().catch(() => {}), publishIntervalMs);
  return () => clearInterval(timer);
}

export interface PublishedValue {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The recent values of one metric in all other processes; empty while the database is unavailable. */
export function readPublished(
  database: Queryable,
  metric: string,
): Promise<readonly PublishedValue[]> {
  return database
    .query<PublishedValue>(
      {
        name: "telemetry_read",
        text: `select v -> 'labels' as labels, (v ->> 'value')::float8 as value from telemetry.processes
               cross join lateral jsonb_path_query(metrics, '$[*] ? (@.name == $metric).values[*]',
                 jsonb_build_object('metric', $2::text)) v
               where abs(extract(epoch from now() - at)) < $1 and name <> $3`,
        values: [freshSeconds, metric, thisProcess],
      },
      { timeoutMs },
    )
    .catch(() => []);
}

/** The metrics of this and all other running processes, in the Prometheus text format. */
export async function collectMetrics(database: Queryable, own: ProcessMetrics): Promise<string> {
  const [mine, installation, rows] = await Promise.all([
    own.objects(),
    own.installationObjects(),
    database
      .query<Published>(
        {
          name: "telemetry_collect",
          // what this process itself has published, when it runs all parts, is in `mine`
          text: `select name, metrics from telemetry.processes
                 where abs(extract(epoch from now() - at)) < $1 and name <> $2 order by name`,
          values: [freshSeconds, thisProcess],
        },
        { timeoutMs },
      )
      // without the database the metrics of this process are still served
      .catch(() => []),
  ]);
  const all = [mine, installation, ...distinct(own.part, rows)];
  return AggregatorRegistry.aggregate(all as unknown as MetricObject[][]).metrics();
}

interface Published {
  /** Of the process, unique. */
  readonly name: string;
  readonly metrics: MetricObjects;
}

/**
 * Values with the same labels would be added up. Processes of one name (`weir serve` started twice without `--name`)
 * are therefore distinguished by host and process id.
 */
function distinct(ownPart: string, rows: readonly Published[]): MetricObjects[] {
  const used = new Set([ownPart]);
  return rows.map(({ name, metrics }) => {
    const part = String(partOf(metrics));
    if (!used.has(part)) {
      used.add(part);
      return metrics;
    }
    return metrics.map((metric) => ({
      ...metric,
      values: metric.values.map((value) => ({
        ...value,
        labels: { ...value.labels, part: `${part}@${name}` },
      })),
    }));
  });
}

function partOf(metrics: MetricObjects): string | number | undefined {
  for (const { values } of metrics) {
    for (const { labels } of values) {
      if (labels["part"] !== undefined) return labels["part"];
    }
  }
  return undefined;
}
