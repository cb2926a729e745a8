/**
 * Response times of the dashboard's queries: `node bench/query.ts --events 1000000 --days 30`.
 *
 * Creates a PostgreSQL in a temporary folder, fills it with bench/generate.ts and removes it afterwards;
 * `--url` uses an already filled database (owner's URL). Ranges are random, one query at a time, the
 * first of each kind is not counted. Measured from the route's handler to
 * the JSON text, without the network.
 */
import { execFile } from "node:child_process";
import { chmod, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { startEmbeddedPostgres } from "../server/src/adapters/postgres/embedded.ts";
import { withRole } from "../server/src/adapters/postgres/location.ts";
import { migrate } from "../server/src/adapters/postgres/migrate.ts";
import { openPool } from "../server/src/adapters/postgres/pool.ts";
import { requestRerun } from "../server/src/parts/etl/reruns.ts";
import { queryRoutes } from "../server/src/parts/query/routes.ts";
import { clientOf } from "../testing/query-client.ts";
import { makeRandom } from "../testing/random.ts";

interface Kind {
  readonly name: string;
  readonly address: () => string;
  /** Upper limit of p95 in milliseconds. */
  readonly bar?: number;
  readonly runs?: number;
}

interface Figure {
  readonly name: string;
  readonly n: number;
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
  readonly bar: number | undefined;
}

const day = 86_400_000;
const istanbul = 3 * 3_600_000;

/** The queries, over ranges that end with the history. */
function kindsOf(end: number, days: number, random: () => number): Kind[] {
  const iso = (at: number) => new Date(at).toISOString();
  const lastDay = Math.floor(end / day) * day;
  const firstDay = lastDay - (days - 1) * day;
  /** `low` to `high` whole days in a zone `offset` ahead of UTC. */
  const range = (low: number, high: number, offset = 0) => {
    const length = Math.min(days - 1, low + Math.floor(random() * (high - low + 1)));
    const from = firstDay + Math.floor(random() * (days - length)) * day - offset;
    const zone = offset === 0 ? "UTC" : "Europe/Istanbul";
    return `from=${iso(from)}&to=${iso(from + length * day)}&time_zone=${zone}`;
  };
  const all = (offset = 0) => range(days, days, offset);
  const odd = (low: number, high: number) => {
    const length = (low + random() * (high - low)) * day;
    const from = firstDay + random() * (days * day - length);
    const minute = (at: number) => iso(Math.floor(at / 60_000) * 60_000);
    return `from=${minute(from)}&to=${minute(from + length)}`;
  };
  const analytics = (rest: () => string) => () => `/api/analytics/${rest()}`;
  const series = (rest: string, asked: () => string) =>
    analytics(() => `series?${asked()}&${rest}`);
  return [
    { name: "overview, 7-15 days", address: analytics(() => `overview?${range(7, 15)}`), bar: 150 },
    {
      name: "overview, 7-15 days of Istanbul",
      address: analytics(() => `overview?${range(7, 15, istanbul)}`),
      bar: 150,
    },
    { name: "overview, any minutes", address: analytics(() => `overview?${odd(1, 14)}`), bar: 150 },
    { name: "overview, all days", address: analytics(() => `overview?${all()}`), bar: 150 },
    {
      name: "series of hours, 7 days of Istanbul",
      address: series("granularity=hour&metric=events", () => range(7, 7, istanbul)),
      bar: 150,
    },
    {
      name: "series of days, all days",
      address: series("granularity=day&metric=events&compare=previous", () => all()),
      bar: 150,
    },
    {
      name: "series of days, users, all days",
      address: series("granularity=day&metric=users", () => all()),
      bar: 150,
    },
    {
      name: "series of days, users, all days of Istanbul",
      address: series("granularity=day&metric=users", () => all(istanbul)),
      bar: 150,
    },
    {
      name: "series of days, revenue, all days of Kolkata",
      address: series("granularity=day&metric=revenue&currency=TRY", () =>
        all().replace("UTC", "Asia/Kolkata"),
      ),
      bar: 150,
    },
    {
      name: "series of minutes, 1 day",
      address: series("granularity=minute&metric=views", () => range(1, 1)),
      bar: 150,
    },
    {
      name: "event types, 7-30 days",
      address: analytics(() => `breakdown?by=event_type&${range(7, 30)}`),
      bar: 150,
    },
    {
      name: "top products by revenue, 7-30 days",
      address: analytics(() => `products?sort=revenue&currency=TRY&${range(7, 30)}`),
      bar: 150,
    },
    {
      name: "top products by views, 7-30 days",
      address: analytics(() => `products?sort=views&${range(7, 30)}`),
      bar: 150,
    },
    {
      name: "top products by views, 7-30 days of Istanbul",
      address: analytics(() => `products?sort=views&${range(7, 30, istanbul)}`),
      bar: 150,
    },
    {
      name: "top products by purchases, any minutes",
      address: analytics(() => `products?sort=purchases&${odd(1, 14)}`),
      bar: 150,
    },
    { name: "revenue, 7-30 days", address: analytics(() => `revenue?${range(7, 30)}`), bar: 150 },
    {
      name: "commerce funnel, all days",
      address: analytics(() => `funnel?${all()}`),
      bar: 1_000,
      runs: 10,
    },
    {
      name: "retention by week, all days",
      address: analytics(() => `retention?${all()}`),
      bar: 1_000,
      runs: 10,
    },
    {
      name: "retention by day, all days",
      address: analytics(() => `retention?period=day&${all()}`),
      bar: 1_000,
      runs: 10,
    },
    { name: "sessions, 7 days", address: analytics(() => `sessions?${range(7, 7)}`) },
    {
      name: "last 100 events of a type",
      address: () => `/api/events?event_type=purchase&${range(2, 7)}`,
    },
    {
      name: "100 events of a user, 30 days",
      address: () => `/api/users/user-${Math.floor(random() * 1_000)}/events?${all()}`,
    },
    {
      name: "breakdown by a property, 1 day",
      address: analytics(() => `breakdown?by=properties.city&${range(1, 1)}`),
      runs: 5,
    },
    {
      name: "free funnel of 3 steps, all days",
      address: analytics(() => `funnel?steps=product.view,add_to_cart,purchase&${all()}`),
      runs: 3,
    },
  ];
}

async function measure(url: string, options: { runs: number; days: number }): Promise<Figure[]> {
  const database = openPool({
    url: withRole(url, "weir_app"),
    applicationName: "weir bench query",
  });
  try {
    const [last] = await database.query<{ minute: number }>({
      text: "select max(bucket) as minute from analytics.window_totals where size = 1",
    });
    if (last === undefined) throw new Error("the database has no windows");
    const end = (last.minute + 1) * 60_000;
    const client = clientOf(
      queryRoutes({
        database,
        requestRerun: (rerun) => requestRerun(database, rerun),
        now: () => end,
        version: "bench",
        environment: "test",
        retentionDays: 90,
        timeoutMs: 30_000,
        freeFormTimeoutMs: 120_000,
        concurrency: 4,
      }),
    );
    const figures: Figure[] = [];
    for (const kind of kindsOf(end, options.days, makeRandom(42))) {
      const runs = Math.min(kind.runs ?? options.runs, options.runs);
      const times: number[] = [];
      for (let run = 0; run <= runs; run++) {
        const started = performance.now();
        const { body } = await client.reply(kind.address());
        JSON.stringify(body);
        if (run > 0) times.push(performance.now() - started);
      }
      figures.push(figureOf(kind, times));
      console.error(lineOf(figures.at(-1) as Figure));
    }
    return figures;
  } finally {
    await database.close();
  }
}

function figureOf({ name, bar }: Kind, times: number[]): Figure {
  const sorted = times.sort((a, b) => a - b);
  const at = (share: number) =>
    Math.round((sorted[Math.ceil(share * sorted.length) - 1] ?? 0) * 10) / 10;
  return { name, n: sorted.length, p50: at(0.5), p95: at(0.95), max: at(1), bar };
}

function lineOf({ name, n, p50, p95, bar }: Figure): string {
  const verdict = bar === undefined ? "" : p95 < bar ? `ok (< ${bar})` : `ABOVE ${bar}`;
  return `${name.padEnd(48)} p50 ${String(p50).padStart(8)}  p95 ${String(p95).padStart(8)} ms  n ${String(n).padStart(3)}  ${verdict}`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      url: { type: "string" },
      events: { type: "string", default: "1000000" },
      days: { type: "string", default: "30" },
      runs: { type: "string", default: "30" },
    },
  });
  const options = { runs: Number(values.runs), days: Number(values.days) };
  if (values.url !== undefined) {
    console.log(JSON.stringify(await measure(values.url, options)));
    return;
  }
  const folder = await mkdtemp(join(await realpath(tmpdir()), "weir-bench-"));
  await chmod(folder, 0o711);
  try {
    await using server = await startEmbeddedPostgres({ dataDir: join(folder, "postgres") });
    await migrate({ url: server.url });
    const generate = fileURLToPath(new URL("./generate.ts", import.meta.url));
    await promisify(execFile)(process.execPath, [
      generate,
      ...["--url", server.url, "--events", values.events, "--days", values.days],
    ]);
    console.log(JSON.stringify(await measure(server.url, options)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) await main();
