/**
 * Event to window visible, through SQL: `node bench/freshness.ts --rate 500 --seconds 30 --history 100000`.
 *
 * Groups are appended as the ingest part does; each is timed from before its append until the
 * position, written by the transaction that writes the windows, has passed it. The worker runs in this process.
 * With `--reruns`, one window after another is damaged and rerun meanwhile: yesterday's hours and the
 * current one; `max` is then the longest wait of the live ETL.
 */

import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import pg from "pg";
import { openNotifications } from "../server/src/adapters/postgres/notifications.ts";
import { openPool } from "../server/src/adapters/postgres/pool.ts";
import {
  defaultEventTypeMapping,
  syncEventTypeMapping,
} from "../server/src/parts/etl/event-types.ts";
import { requestRerun } from "../server/src/parts/etl/reruns.ts";
import { createEtl } from "../server/src/parts/etl/worker.ts";
import { makeId, makeRandom } from "../testing/random.ts";
import { withBenchServer } from "./etl.ts";
import { foldAll, writeHistory } from "./generate.ts";

interface Wanted {
  readonly rate: number;
  readonly seconds: number;
  readonly history: number;
  readonly intervalMs: number;
  readonly reruns: boolean;
}

async function measure(url: string, wanted: Wanted): Promise<void> {
  const database = openPool({ url, applicationName: "weir bench freshness", max: 8 });
  const notifications = openNotifications({ url, applicationName: "weir bench freshness listens" });
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("select raw.prepare_days(1)");
  await client.query(
    "select etl.ensure_facts_partitions((now() - interval '35 days')::date, (now() + interval '2 days')::date)",
  );
  await syncEventTypeMapping(database, defaultEventTypeMapping);
  await writeHistory(client, { events: wanted.history, days: 30, end: Date.now(), seed: 1 });
  await foldAll(client);
  await client.query("vacuum analyze");

  const stop = new AbortController();
  const steps: number[] = [];
  const part = createEtl({
    database,
    notifications,
    owner: "bench",
    intervalMs: wanted.intervalMs,
    stepEvents: 10_000,
    retentionDays: 30,
    onStep: (step) => step.events > 0 && steps.push(step.milliseconds),
    onError: (error) => console.error(error),
  });
  const working = part.run(stop.signal);
  const rerunning = wanted.reruns ? keepRerunning(database, stop.signal) : undefined;
  const latencies = await sendAndWatch(client, database, wanted);
  stop.abort();
  const reruns = await rerunning;
  await working;
  const percentile = (values: number[], share: number): number =>
    Math.round(values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)] ?? 0);
  console.log(
    JSON.stringify({
      ...wanted,
      groups: latencies.length,
      visible_ms: {
        p50: percentile(latencies, 0.5),
        p95: percentile(latencies, 0.95),
        max: percentile(latencies, 1),
      },
      reruns,
      steps: steps.length,
      step_ms: { p50: percentile(steps, 0.5), p95: percentile(steps, 0.95) },
    }),
  );
  await notifications.close();
  await client.end();
  await database.close();
}

/** Damages an hour, requests its rerun, waits for it, and repeats; returns how many reruns and their durations. */
async function keepRerunning(
  database: ReturnType<typeof openPool>,
  signal: AbortSignal,
): Promise<{ readonly done: number; readonly changed: number; readonly slowestMs: number }> {
  const hourMs = 3_600_000;
  const now = Math.floor(Date.now() / hourMs);
  let done = 0;
  let changed = 0;
  let slowestMs = 0;
  for (let turn = 0; !signal.aborted; turn++) {
    const hour = turn % 2 === 0 ? now : now - 24 - (turn % 24);
    await database.query({
      text: "update analytics.user_hours set minutes = minutes | 1 where hour = $1 and user_id % 3 = 0",
      values: [hour],
    });
    await database.query({
      text: "update analytics.window_counts set events = events + 1 where size = 2 and bucket = $1",
      values: [hour],
    });
    const { runId } = await requestRerun(database, {
      size: "hour",
      start: new Date(hour * hourMs),
      requestedBy: "bench",
    });
    for (let open = true; open && !signal.aborted; await delay(50)) {
      const [run] = await database.query<{ state: string; changed: boolean; ms: number }>({
        text: `select state, changed, (extract(epoch from finished_at - started_at) * 1000)::int as ms
               from etl.window_runs where id = $1`,
        values: [runId],
      });
      if (run === undefined || run.state === "queued" || run.state === "running") continue;
      open = false;
      done += 1;
      changed += run.changed ? 1 : 0;
      slowestMs = Math.max(slowestMs, run.ms);
    }
  }
  return { done, changed, slowestMs };
}

async function sendAndWatch(
  client: pg.Client,
  database: ReturnType<typeof openPool>,
  wanted: Wanted,
): Promise<number[]> {
  const { rows } = await client.query<{ events: string }>(
    "select events from log.readers where name = 'windows'",
  );
  let sent = Number(rows[0]?.events);
  const waiting: { readonly upTo: number; readonly since: number }[] = [];
  const latencies: number[] = [];
  let sending = true;
  const watching = (async () => {
    while (sending || waiting.length > 0) {
      const [cursor] = await database.query<{ events: string }>({
        name: "watch",
        text: "select events from log.readers where name = 'windows'",
      });
      const now = performance.now();
      while (waiting[0] !== undefined && waiting[0].upTo <= Number(cursor?.events)) {
        latencies.push(now - (waiting.shift()?.since ?? now));
      }
      await delay(5);
    }
  })();
  const random = makeRandom(9);
  const groupMs = 20;
  const start = performance.now();
  for (let group = 0; performance.now() - start < wanted.seconds * 1_000; group++) {
    const count = Math.max(1, Math.round((wanted.rate * groupMs) / 1_000));
    const since = performance.now();
    await append(client, count, random);
    sent += count;
    waiting.push({ upTo: sent, since });
    await delay(Math.max(0, start + (group + 1) * groupMs - performance.now()));
  }
  sending = false;
  await watching;
  return latencies;
}

async function append(client: pg.Client, count: number, random: () => number): Promise<void> {
  const columns = Array.from({ length: count }, () => {
    const kind = random();
    const type = kind < 0.9 ? "product.view" : kind < 0.96 ? "add_to_cart" : "purchase";
    return {
      id: makeId(random),
      type,
      user: `user-${Math.floor(random() ** 2 * 3_000)}`,
      product: `product-${Math.floor(random() ** 3 * 20_000)}`,
    };
  });
  await client.query(
    `select raw.append(array_fill(1, array[$1::int]), array_fill(0::smallint, array[$1::int]), $2::uuid[],
       array_fill(1::bigint, array[$1::int]), array_fill(now(), array[$1::int]), $3::text[], $4::text[],
       array_fill(12.5::numeric, array[$1::int]), array_fill('TRY'::text, array[$1::int]), $5::text[],
       array_fill(null::text, array[$1::int]), array_fill(null::json, array[$1::int]), $6::text[])`,
    [
      count,
      columns.map(({ id }) => id),
      columns.map(({ user }) => user),
      columns.map(({ product }) => product),
      columns.map(({ type }) => type),
      columns.map(
        ({ id, type, product }) =>
          `{"event_id":"${id}","event_type":"${type}","product":{"id":"${product}","name":"Product"}}`,
      ),
    ],
  );
  await client.query("notify weir_raw");
}

const { values } = parseArgs({
  options: {
    rate: { type: "string", default: "500" },
    seconds: { type: "string", default: "30" },
    history: { type: "string", default: "100000" },
    interval: { type: "string", default: "150" },
    reruns: { type: "boolean", default: false },
  },
});
await withBenchServer((url) =>
  measure(url, {
    rate: Number(values.rate),
    seconds: Number(values.seconds),
    history: Number(values.history),
    intervalMs: Number(values.interval),
    reruns: values.reruns,
  }),
);
