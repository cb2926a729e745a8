/**
 * Fills a migrated database with a shop's history: `node bench/generate.ts --url ... --events N --days 30`.
 *
 * Sessions of Zipf-popular users (one user per 33 events) on Zipf-popular products: 90 % views, 6 % carts,
 * 3 % purchases, 1 % others; a daily rhythm; five services; 1.2 % of the events arrive up to an hour late,
 * 0.3 % up to three days. Raw events are written by COPY, 5,000 per transaction in the order of receipt; then the
 * ETL's own step folds them. The same seed gives the same events.
 */
import { parseArgs } from "node:util";
import pg from "pg";
import { openPool } from "../server/src/adapters/postgres/pool.ts";
import {
  defaultEventTypeMapping,
  syncEventTypeMapping,
} from "../server/src/parts/etl/event-types.ts";
import { makeId, makeRandom } from "../testing/random.ts";
import { copyRows } from "./copy-rows.ts";

export interface History {
  readonly events: number;
  readonly days: number;
  /** The end of the history; milliseconds. */
  readonly end: number;
  readonly seed: number;
  /** Default: events / 33. */
  readonly users?: number;
  readonly products?: number;
}

export interface GeneratedEvent {
  readonly receivedAt: number;
  readonly occurredAt: number;
  readonly service: number;
  readonly user: number;
  readonly product: number;
  readonly type: "product.view" | "add_to_cart" | "purchase" | "signup";
}

const minute = 60_000;
const day = 24 * 60 * minute;
export const services = ["web", "ios", "android", "pos", "backoffice"] as const;
const currencies = ["TRY", "TRY", "TRY", "EUR", "USD"] as const;
const cities = ["Istanbul", "Ankara", "Izmir", "Berlin", "London", "Baku"] as const;

/** In the order of receipt. Only events still to be received are in memory: late events, open sessions. */
export function* generateEvents(history: History): Generator<GeneratedEvent> {
  const random = makeRandom(history.seed);
  const users = makeZipf(history.users ?? Math.max(100, Math.round(history.events / 33)), 0.75);
  const products = makeZipf(history.products ?? 20_000, 1);
  const start = history.end - history.days * day;
  const minutes = Math.ceil(history.days * 1440);
  const waiting = new Map<number, GeneratedEvent[]>();
  let made = 0;
  for (let now = 0; now < minutes; now++) {
    // 50 % at midnight, 150 % at noon; sessions of 11 events on average
    const share = activity(start, now + 1) / activity(start, minutes);
    const due = Math.min(history.events, history.events * share);
    while (made < due) {
      const user = users(random());
      const service = 1 + Math.floor(random() * random() * services.length);
      let at = start + (now + random()) * minute;
      const length = 1 + Math.floor(-Math.log(1 - random()) * 10);
      for (let step = 0; step < length && made < history.events && at < history.end; step++) {
        const kind = random();
        const lateness = random();
        const late =
          lateness < 0.003 ? random() * 3 * day : lateness < 0.015 ? random() * 60 * minute : 40;
        const occurredAt = Math.floor(at);
        const receivedAt = Math.min(occurredAt + Math.floor(late), history.end - 1);
        const slot = Math.max(now, Math.floor((receivedAt - start) / minute));
        const event: GeneratedEvent = {
          receivedAt,
          occurredAt,
          service,
          user,
          product: products(random()),
          type:
            kind < 0.9
              ? "product.view"
              : kind < 0.96
                ? "add_to_cart"
                : kind < 0.99
                  ? "purchase"
                  : "signup",
        };
        const list = waiting.get(slot);
        if (list === undefined) waiting.set(slot, [event]);
        else list.push(event);
        made++;
        at += -Math.log(1 - random()) * minute;
      }
    }
    const ready = waiting.get(now);
    waiting.delete(now);
    if (ready !== undefined) yield* ready.sort((a, b) => a.receivedAt - b.receivedAt);
  }
  for (const slot of [...waiting.keys()].sort((a, b) => a - b)) yield* waiting.get(slot) ?? [];
}

/** The activity in the first minutes after `start`, in minutes of an average hour. */
function activity(start: number, minutes: number): number {
  const turn = (at: number) => (1440 / (2 * Math.PI)) * Math.sin((2 * Math.PI * (at % day)) / day);
  return minutes - 0.5 * (turn(start + minutes * minute) - turn(start));
}

/** One line of `copy raw.events (...)`, see `copyStatement`. */
export function copyLine(event: GeneratedEvent, id: string): string {
  const price = 5 + ((event.product * 7919) % 50_000) / 100;
  const currency = currencies[event.product % currencies.length];
  const quantity = event.type === "purchase" ? 1 + (event.user % 3) : 1;
  const amount = event.type === "signup" ? "\\N" : (price * quantity).toFixed(2);
  const occurredAt = new Date(event.occurredAt).toISOString();
  const payload =
    `{"event_id":"${id}","event_type":"${event.type}","timestamp":"${occurredAt}","user_id":"user-${event.user}",` +
    `"session_id":"s-${event.user}-${Math.floor(event.occurredAt / (30 * minute))}","product":{"id":"product-${event.product}",` +
    `"name":"Product ${event.product}","category":"Category ${event.product % 40}","price":${price.toFixed(2)},` +
    `"currency":"${currency}","quantity":${quantity}},"properties":{"city":"${cities[event.user % cities.length]}"}}`;
  return `${event.service}\t0\t${id}\t${new Date(event.receivedAt).toISOString()}\t${occurredAt}\tuser-${event.user}\tproduct-${event.product}\t${amount}\t${amount === "\\N" ? "\\N" : currency}\t${event.type}\t${payload}\n`;
}

export const copyStatement =
  "copy raw.events (service_id, format, event_id, received_at, occurred_at, user_key, product_key, amount, currency, event_type, payload) from stdin";

/** Ranks 0..n-1 with probability ~ 1 / (rank + 1)^exponent. */
function makeZipf(n: number, exponent: number): (uniform: number) => number {
  const cumulative = new Float64Array(n);
  let sum = 0;
  for (let rank = 0; rank < n; rank++) cumulative[rank] = sum += 1 / (rank + 1) ** exponent;
  return (uniform) => {
    const wanted = uniform * sum;
    let low = 0;
    let high = n - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((cumulative[middle] ?? sum) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** Writes the raw events of a history; `transactionEvents` rows per COPY. */
export async function writeHistory(
  client: pg.Client,
  history: History,
  options: {
    readonly transactionEvents?: number;
    readonly onProgress?: (events: number) => void;
  } = {},
): Promise<number> {
  await client.query(
    `select raw.ensure_partition(d::date)
     from generate_series($1::timestamptz - interval '1 day', $2::timestamptz + interval '1 day', interval '1 day') d`,
    [new Date(history.end - history.days * day), new Date(history.end)],
  );
  await client.query(
    "insert into auth.services (name, role) select name, 'producer' from unnest($1::text[]) name on conflict do nothing",
    [services],
  );
  const { rows } = await client.query<{ id: number }>(
    "select id from auth.services where name = any ($1) order by array_position($1, name)",
    [services],
  );
  const ids = rows.map(({ id }) => id);
  const random = makeRandom(history.seed ^ 0x5bd1e995);
  const size = options.transactionEvents ?? 5_000;
  let lines: string[] = [];
  let written = 0;
  const flush = async (): Promise<void> => {
    await copyRows(client, copyStatement, chunked(lines, 200));
    written += lines.length;
    lines = [];
    options.onProgress?.(written);
  };
  for (const event of generateEvents(history)) {
    const service = ids[event.service - 1] ?? event.service;
    lines.push(copyLine({ ...event, service }, makeId(random)));
    if (lines.length === size) await flush();
  }
  if (lines.length > 0) await flush();
  return written;
}

function* chunked(lines: readonly string[], size: number): Generator<string> {
  for (let from = 0; from < lines.length; from += size)
    yield lines.slice(from, from + size).join("");
}

/** Folds all unread events, in steps; returns the number of events folded. */
export async function foldAll(
  client: pg.Client,
  options: { readonly stepEvents?: number; readonly onProgress?: (events: number) => void } = {},
): Promise<number> {
  let folded = 0;
  for (;;) {
    const { rows } = await client.query<{ events: number; more: boolean }>(
      "select events, more from etl.step((select epoch from log.readers where name = 'windows'), $1)",
      [options.stepEvents ?? 20_000],
    );
    folded += rows[0]?.events ?? 0;
    options.onProgress?.(folded);
    if (rows[0]?.more !== true) return folded;
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      url: { type: "string" },
      events: { type: "string", default: "100000" },
      days: { type: "string", default: "30" },
      end: { type: "string" },
      seed: { type: "string", default: "1" },
      "no-fold": { type: "boolean", default: false },
      quiet: { type: "boolean", default: false },
    },
  });
  if (values.url === undefined)
    throw new Error("--url is the owner's database URL of a migrated database.");
  const client = new pg.Client({
    connectionString: values.url,
    application_name: "weir bench generate",
  });
  await client.connect();
  const started = performance.now();
  const tell = (what: string) => (events: number) => {
    if (!values.quiet && process.stderr.isTTY) process.stderr.write(`\r${what} ${events}   `);
  };
  try {
    const history: History = {
      events: Number(values.events),
      days: Number(values.days),
      end: values.end === undefined ? Date.now() : Date.parse(values.end),
      seed: Number(values.seed),
    };
    const pool = openPool({ url: values.url, applicationName: "weir bench generate" });
    await syncEventTypeMapping(pool, defaultEventTypeMapping);
    await pool.close();
    await client.query(
      "select etl.ensure_facts_partitions($1::timestamptz::date, $2::timestamptz::date)",
      [new Date(history.end - (history.days + 4) * day), new Date(history.end + 2 * day)],
    );
    const written = await writeHistory(client, history, { onProgress: tell("written") });
    const writtenAt = performance.now();
    const folded = values["no-fold"] ? 0 : await foldAll(client, { onProgress: tell("folded") });
    const foldedAt = performance.now();
    await client.query("vacuum analyze");
    console.log(
      JSON.stringify({
        written,
        write_s: Math.round(writtenAt - started) / 1000,
        folded,
        fold_s: Math.round(foldedAt - writtenAt) / 1000,
      }),
    );
  } finally {
    await client.end();
  }
}

if (import.meta.main) await main();
