/**
 * Two HTTP processes on one database: what one of them changes holds in the other within a second, a live feed
 * continues on either, and a process that is killed costs no acknowledged event. WEIR_TEST_KILLS sets the number
 * of kills.
 *
 * Control: the same kills of a build that answers before the commit must lose events.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { type TestContext, test } from "node:test";
import { liveFeed, type ServerFrame } from "@weir/protocol";
import { WebSocket } from "ws";
import { createTestFolder } from "../../../testing/database.ts";
import { assertWithin } from "../../../testing/too-late.ts";
import { until } from "../../../testing/until.ts";
import { openPool } from "../../src/adapters/postgres/pool.ts";
import { readRunFile } from "../../src/process/run-file.ts";
import { createTestAuth } from "../helpers/auth.ts";
import { compareWithLedger, type Ledger, sendUntilAborted } from "../helpers/ledger.ts";
import { buildWith } from "../helpers/mutated-build.ts";
import { serveProcess } from "../helpers/served-process.ts";
import { runCommand, startWeir } from "../helpers/weir.ts";

const kills = Number(process.env["WEIR_TEST_KILLS"] ?? 2);
const senders = 4;

test(`${kills} kills of one of two processes under load: 0 lost, 0 twice`, async (t) => {
  const { ledger, stored } = await runWithKills(t, kills);
  const found = `${ledger.acknowledged.size} acknowledged, ${stored.length} stored, ${kills} kills`;
  t.diagnostic(found);
  assert.ok(ledger.acknowledged.size >= 200 * kills, found);
  assert.deepEqual(compareWithLedger(ledger, stored), { lost: [], twice: [], phantoms: [] });
});

test("control: events that are answered before their commit are lost with their process", async (t) => {
  const main = await buildWith(t, [
    {
      in: "parts/ingest/accept.ts",
      from: "  const outcomes = await submitted;",
      to: '  void submitted;\n  const outcomes = records.map((): Outcome => "accepted");',
    },
  ]);
  const { ledger, stored } = await runWithKills(t, 4, main);
  assert.notDeepEqual(compareWithLedger(ledger, stored).lost, []);
});

/** Sends all the time to the shared port, while the two processes are killed in turn and start again. */
async function runWithKills(t: TestContext, count: number, main?: string) {
  const dataDir = await createTestFolder(t);
  const weir = await startWeir(t, {
    dataDir,
    environment: { WEIR_HTTP_PROCESSES: "2" },
    ...(main === undefined ? {} : { main }),
  });
  const { run, adminKey } = weir;
  assert.deepEqual(
    Object.keys(run.pids).filter((name) => name.startsWith("http")),
    ["http", "http-2"],
  );
  const ledger: Ledger = { sent: new Set(), acknowledged: new Set() };
  const stop = new AbortController();
  t.after(() => stop.abort());
  const sending = Array.from({ length: senders }, () =>
    sendUntilAborted({
      ...{ url: run.url, key: adminKey, ledger, signal: stop.signal },
      ...{ makeId: randomUUID, batch: 20 },
    }),
  );
  for (let kill = 0; kill < count; kill++) {
    const before = ledger.acknowledged.size;
    await until(() => ledger.acknowledged.size > before + 200, {
      what: () => `200 more events before kill ${kill + 1}:\n${weir.output()}`,
      timeoutMs: 60_000,
    });
    const victim = kill % 2 === 0 ? "http" : "http-2";
    const pid = readRunFile(dataDir)?.pids[victim];
    assert.ok(pid !== undefined, `run.json names the process ${victim}`);
    process.kill(pid, "SIGKILL");
    await until(() => readRunFile(dataDir)?.pids[victim] !== pid, {
      what: `${victim} to be started again`,
      timeoutMs: 60_000,
    });
  }
  stop.abort();
  await Promise.all(sending);
  return { ledger, stored: await storedIds(run.database_url) };
}

async function storedIds(url: string): Promise<string[]> {
  await using pool = openPool({ url, applicationName: "ledger", max: 1 });
  const rows = await pool.query<{ id: string }>({
    text: "select coalesce(event_ref, event_id::text) as id from raw.events",
  });
  return rows.map(({ id }) => id);
}

/** Two processes with ports of their own, an administrator, and a service that may send. */
async function twoProcesses(t: TestContext) {
  const auth = await createTestAuth(t);
  const dataDir = await createTestFolder(t);
  const { exitCode, output } = await runCommand(["--data", dataDir, "migrate"], {
    ...{ WEIR_DATABASE_URL: auth.urls.owner, WEIR_ENV: "test" },
  });
  assert.equal(exitCode, 0, output);
  const { secret_key: admin } = await auth.service("operator", "admin");
  const { id: keyId, secret_key: key } = await auth.service("shop", "service");
  const [one, other] = await Promise.all(
    ["http-a", "http-b"].map((name) => serveProcess(t, { urls: auth.urls, dataDir, name })),
  );
  assert.ok(one !== undefined && other !== undefined);
  return { one, other, admin, key, keyId };
}

function ask(
  { url }: { readonly url: string },
  path: string,
  init: { readonly key: string; readonly method?: string; readonly body?: unknown },
): Promise<Response> {
  return fetch(url + path, {
    method: init.method ?? "GET",
    headers: { "x-api-key": init.key, "content-type": "application/json" },
    ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
  });
}

test("an event id is accepted once by both; a revoked key and a session hold in both within 1 s", async (t) => {
  const { one, other, admin, key, keyId } = await twoProcesses(t);
  const body = { event_id: randomUUID(), event_type: "product.view" };
  const verdicts = await Promise.all(
    [one, other, one, other].map(async (process) => {
      const answer = await ask(process, "/api/events/", { key, method: "POST", body });
      return ((await answer.json()) as { verdict: string }).verdict;
    }),
  );
  assert.deepEqual(verdicts.toSorted(), ["accepted", "duplicate", "duplicate", "duplicate"]);

  const signedIn = await ask(one, "/api/session", {
    key: "",
    method: "POST",
    body: { key: admin },
  });
  const cookie = signedIn.headers.get("set-cookie")?.split(";")[0] ?? "";
  const session = await fetch(`${other.url}/api/meta`, { headers: { cookie } });
  assert.equal(session.status, 200, "the session of one is known to the other");

  const revoked = await ask(one, `/api/keys/${keyId}/revoke`, { key: admin, method: "POST" });
  assert.ok(revoked.ok, `${revoked.status} ${await revoked.text()}`);
  const began = performance.now();
  const event = { event_type: "product.view" };
  await until(
    async () =>
      (await ask(other, "/api/events/", { key, method: "POST", body: event })).status === 401,
    { what: "the other process to refuse the key", everyMs: 5 },
  );
  const ms = Math.round(performance.now() - began);
  t.diagnostic(`refused by the other process after ${ms} ms`);
  assertWithin(ms, 1_000, "the other process's refusal");
});

test("a live feed continues on the other process without gap or repeat", async (t) => {
  const { one, other, admin } = await twoProcesses(t);
  const sent: string[] = [];
  const send = async (process: { readonly url: string }) => {
    const event_id = randomUUID();
    const answer = await ask(process, "/api/events/", {
      ...{ key: admin, method: "POST", body: { event_id, event_type: "product.view" } },
    });
    assert.equal(answer.status, 202);
    sent.push(event_id);
  };
  const first = openFeed(t, { url: one.url, key: admin });
  await until(() => first.frames.length > 0, { what: "the feed" });
  for (let n = 0; n < 5; n++) await send(other);
  await until(() => first.ids.length === 5, { what: "five events on the first process" });
  first.close();
  for (let n = 0; n < 5; n++) await send(one);
  const second = openFeed(t, { url: other.url, key: admin, cursor: first.cursor() });
  await until(() => second.ids.length >= 5, { what: "the events after the cursor" });
  await send(other);
  await until(() => second.ids.includes(sent.at(-1) ?? ""), { what: "a live event" });
  assert.deepEqual([...first.ids, ...second.ids], sent);
  assert.ok(!second.frames.includes("gap"));
});

function openFeed(
  t: TestContext,
  {
    url,
    key,
    cursor,
  }: { readonly url: string; readonly key: string; readonly cursor?: string | undefined },
) {
  const query = cursor === undefined ? "" : `?cursor=${encodeURIComponent(cursor)}`;
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}${liveFeed.path}${query}`, {
    headers: { "x-api-key": key },
  });
  t.after(() => socket.terminate());
  const frames: string[] = [];
  const ids: string[] = [];
  let last: string | undefined;
  socket.on("message", (data) => {
    const frame = JSON.parse(String(data)) as ServerFrame;
    frames.push(frame.type);
    if ("cursor" in frame && typeof frame.cursor === "string") last = frame.cursor;
    if (frame.type === "event") ids.push(frame.event.event_id);
  });
  return { frames, ids, cursor: () => last, close: () => socket.terminate() };
}

test("the metrics of both are served by either, under names of their own and once", async (t) => {
  const { one, other, admin, key } = await twoProcesses(t);
  for (const process of [one, one, other]) {
    await ask(process, "/api/events/", { key, method: "POST", body: { event_type: "x" } });
  }
  const accepted = (text: string) =>
    [...text.matchAll(/^weir_ingest_events_total\{(.*verdict="accepted".*)\} (\d+)$/gm)].map(
      ([, labels, count]) => `${/part="([^"]+)"/.exec(labels ?? "")?.[1]} ${count}`,
    );
  for (const process of [one, other]) {
    const text = await until(
      async () => {
        const metrics = await (await ask(process, "/metrics", { key: admin })).text();
        return accepted(metrics).length === 2 ? metrics : undefined;
      },
      { what: "the metrics of the other process" },
    );
    assert.deepEqual(accepted(text).toSorted(), ["http-a 2", "http-b 1"]);
    assert.equal(text.match(/^weir_etl_folded_events\{/gm)?.length, 1);
  }
});
