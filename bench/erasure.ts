/**
 * Erasing a user with a long history, and a light user right after: `node bench/erasure.ts --events 400000 --heavy 97899`.
 *
 * A separate Weir gets events of 30 days, then a single event every 30 ms, while both users are erased. Reported: when the raw
 * events of each are gone, when each certificate is there, and what senders and the windows notice.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { openPool, type Pool } from "../server/src/adapters/postgres/pool.ts";
import { type System, start, stop } from "./running-weir.ts";

const batchEvents = 1_000;
const dayMs = 86_400_000;
const light = "light-user";
const heavy = "heavy-user";

function post({ run, key }: System, path: string, body?: string): Promise<Response> {
  return fetch(`${run.url}${path}`, {
    method: "POST",
    headers: {
      "x-api-key": key,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body }),
  });
}

function eventOf(n: number, user: string): object {
  return {
    event_type: n % 30 === 0 ? "purchase" : n % 12 === 0 ? "cart.add" : "product.view",
    timestamp: new Date(
      Date.now() - ((n * 104_729) % 1_000_003) * ((30 * dayMs) / 1_000_003),
    ).toISOString(),
    user_id: user,
    product: {
      id: `product-${n % 500}`,
      name: `Product ${n % 500}`,
      price: 19.99,
      currency: "TRY",
    },
  };
}

async function fill(system: System, events: number, ofHeavy: number): Promise<void> {
  for (let sent = 0; sent < events; sent += batchEvents) {
    const batch = Array.from({ length: batchEvents }, (_, place) => {
      const n = sent + place;
      const isHeavy = Math.floor(((n + 1) * ofHeavy) / events) > Math.floor((n * ofHeavy) / events);
      const user = isHeavy ? heavy : n % 4_000 === 1 ? light : `user-${n % 5_000}`;
      return eventOf(n, user);
    });
    const answer = await post(system, "/api/events/batch", JSON.stringify(batch));
    if (answer.status !== 202) throw new Error(`${answer.status} ${await answer.text()}`);
    await answer.arrayBuffer();
  }
}

async function one<T>(pool: Pool, text: string, values: readonly unknown[] = []): Promise<T> {
  const [row] = await pool.query<T>({ text, values });
  return row as T;
}

async function untilFolded(pool: Pool): Promise<void> {
  for (;;) {
    const text = `select (select count(*) from raw.events) = (select count(*) from analytics.facts) as equal,
      (select count(*) from log.pages) as pages`;
    if ((await one<{ equal: boolean }>(pool, text)).equal) return;
    await delay(500);
  }
}

interface Watch {
  readonly longestAnswerMs: () => number;
  readonly longestLagS: () => number;
  readonly stop: () => Promise<void>;
}

function sendAndWatch(system: System, pool: Pool): Watch {
  let stopped = false;
  let answer = 0;
  let lag = 0;
  const sending = (async () => {
    for (let n = 0; !stopped; n++) {
      const began = performance.now();
      await (
        await post(
          system,
          "/api/events/",
          JSON.stringify({ event_type: "ping", user_id: `user-${n % 50}` }),
        )
      ).arrayBuffer();
      answer = Math.max(answer, performance.now() - began);
      await delay(30);
    }
  })();
  const watching = (async () => {
    while (!stopped) {
      const { age } = await one<{ age: number }>(
        pool,
        "select age_seconds as age from log.lag('windows', 1000)",
      );
      lag = Math.max(lag, age);
      await delay(50);
    }
  })();
  return {
    longestAnswerMs: () => answer,
    longestLagS: () => lag,
    async stop() {
      stopped = true;
      await Promise.all([sending, watching]);
    },
  };
}

async function erase(system: System, pool: Pool, user: string): Promise<string> {
  const began = performance.now();
  const answer = await post(system, `/api/users/${user}/erase`);
  const { id } = (await answer.json()) as { readonly id: string };
  const seconds = () => ((performance.now() - began) / 1_000).toFixed(1);
  let rawGone: string | undefined;
  for (;;) {
    const row = await one<{ left: boolean; state: string; raw_events: string; hours: unknown }>(
      pool,
      `select exists (select from raw.events where user_key = $1) as left, state, raw_events from erasure.requests where id = $2`,
      [user, id],
    );
    if (!row.left) rawGone ??= seconds();
    if (row.state === "done") {
      return `${user}: ${row.raw_events} events; raw events gone after ${rawGone} s, certificate after ${seconds()} s`;
    }
    await delay(250);
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      events: { type: "string", default: "400000" },
      heavy: { type: "string", default: "97899" },
    },
  });
  const dataDir = await mkdtemp(join(tmpdir(), "weir-bench-erasure-"));
  const system = await start(dataDir);
  const pool = openPool({
    url: system.run.database_url,
    applicationName: "weir bench erasure",
    max: 4,
  });
  try {
    await fill(system, Number(values.events), Number(values.heavy));
    await untilFolded(pool);
    await pool.query({ text: "vacuum analyze" }, { timeoutMs: 600_000 });
    const watch = sendAndWatch(system, pool);
    await delay(3_000);
    console.log(
      `before: longest answer ${watch.longestAnswerMs().toFixed(0)} ms, longest lag ${watch.longestLagS().toFixed(2)} s`,
    );
    const first = erase(system, pool, heavy);
    await delay(1_000);
    for (const line of await Promise.all([first, erase(system, pool, light)])) console.log(line);
    await watch.stop();
    console.log(
      `with it: longest answer ${watch.longestAnswerMs().toFixed(0)} ms, longest lag ${watch.longestLagS().toFixed(2)} s`,
    );
  } finally {
    await pool.close();
    await stop(system);
    await rm(dataDir, { recursive: true, force: true });
  }
}

await main();
