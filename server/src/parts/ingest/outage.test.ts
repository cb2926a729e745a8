import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { startTestServer, type TestServer } from "../../../../testing/database.ts";
import { until } from "../../../../testing/until.ts";
import { type Answer, createTestIngest } from "../../../test/helpers/ingest.ts";
import { openPool } from "../../adapters/postgres/pool.ts";

/** The postmaster and all its children: a frozen postmaster alone leaves the sessions working. */
function signalAll(postmaster: number, signal: "SIGSTOP" | "SIGCONT"): void {
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    let parent = 0;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, "utf8");
      parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    } catch {
      continue;
    }
    if (parent === postmaster || Number(entry) === postmaster) process.kill(Number(entry), signal);
  }
}

async function storedIds(server: TestServer): Promise<string[]> {
  const rows = await server.owner.query<{ event_id: string }>({
    text: "select event_id from raw.events",
  });
  return rows.map(({ event_id }) => event_id);
}

const bodyOf = (event_id: string) => JSON.stringify({ event_id, event_type: "x" });

/** As compose.ts builds it. */
async function startIngest(t: Parameters<typeof startTestServer>[0]) {
  const server = await startTestServer(t, { durable: false });
  const pool = openPool({
    url: server.urls.ingest,
    applicationName: "test outage",
    max: 4,
    connectTimeoutMs: 1_500,
  });
  t.after(() => pool.close());
  const weir = createTestIngest(t, { database: pool, patienceMs: 1_500 });
  await weir.ingest.prepare();
  return { server, ...weir };
}

async function timed(work: Promise<Answer>): Promise<Answer & { readonly ms: number }> {
  const started = performance.now();
  const answer = await work;
  return { ...answer, ms: performance.now() - started };
}

test("a frozen PostgreSQL: 503 within 2 s for all, no 202, and it recovers by itself", {
  timeout: 60_000,
}, async (t) => {
  const { server, send } = await startIngest(t);
  const warm = randomUUID();
  assert.equal((await send("/api/events/", bodyOf(warm))).status, 202);

  signalAll(server.pid, "SIGSTOP");
  t.after(() => signalAll(server.pid, "SIGCONT"));
  const sent = new Map<string, string>();
  for (let wave = 0; wave < 3; wave++) {
    const ids = Array.from({ length: 50 }, () => randomUUID());
    const answers = await Promise.all([
      ...ids.map((id) => timed(send("/api/events/", bodyOf(id)))),
      timed(send("/api/events/batch", `[${ids.map(() => bodyOf(randomUUID())).join(",")}]`)),
    ]);
    for (const answer of answers) {
      assert.equal(answer.status, 503);
      assert.equal(answer.headers["retry-after"], "1");
      assert.ok(answer.ms < 10_000, `${answer.ms} ms`);
    }
    for (const id of ids) sent.set(id, bodyOf(id));
  }
  signalAll(server.pid, "SIGCONT");

  // clients follow the answer and send the same event again
  for (const [id, body] of sent) {
    await until(async () => (await send("/api/events/", body)).status === 202, {
      what: `event ${id} to be taken`,
      timeoutMs: 20_000,
    });
  }
  const kept = await storedIds(server);
  assert.equal(new Set(kept).size, kept.length, "nothing twice");
  for (const id of [warm, ...sent.keys()]) assert.ok(kept.includes(id), `${id} is lost`);
});

test("a killed PostgreSQL: 503 at once, and all acknowledged events exist when it is back", {
  timeout: 60_000,
}, async (t) => {
  const { server, send } = await startIngest(t);
  const acknowledged: string[] = [];
  let sending = true;
  let refused = 0;
  const senders = Array.from({ length: 8 }, async () => {
    while (sending) {
      const id = randomUUID();
      const answer = await timed(send("/api/events/", bodyOf(id)));
      assert.ok(answer.ms < 10_000, `${answer.ms} ms`);
      if (answer.status === 202) acknowledged.push(id);
      else {
        assert.equal(answer.status, 503);
        refused++;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  });
  await until(() => acknowledged.length > 200, { what: "events to flow" });
  await server.kill9();
  await until(() => refused > 20, { what: "refusals" });
  await server.restart();
  const before = acknowledged.length;
  await until(() => acknowledged.length > before + 200, { what: "events to flow again" });
  sending = false;
  await Promise.all(senders);
  const kept = new Set(await storedIds(server));
  assert.deepEqual(
    acknowledged.filter((id) => !kept.has(id)),
    [],
  );
});
