/**
 * For `server-crash.test.ts`: a real PostgreSQL that keeps commits in memory for long, and beside it everything that
 * holds a position of its log: two instances of the live feed, the ETL, a worker of the stream in a process of its
 * own, an index in memory, and a sync to another store.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { createTestDatabase, startTestServer, type TestServer } from "../../../testing/database.ts";
import { startQdrantShim } from "../../../testing/qdrant-shim.ts";
import { until } from "../../../testing/until.ts";
import { openNotifications } from "../../src/adapters/postgres/notifications.ts";
import { openPool, type Pool } from "../../src/adapters/postgres/pool.ts";
import { createEmbeddedStore } from "../../src/adapters/vectors/embedded/store.ts";
import { createQdrantStore } from "../../src/adapters/vectors/qdrant/store.ts";
import { createVectorSync } from "../../src/adapters/vectors/sync/sync.ts";
import type { VectorStore } from "../../src/core/ports/vector-store.ts";
import { defaultEventTypeMapping, syncEventTypeMapping } from "../../src/parts/etl/event-types.ts";
import { createEtl } from "../../src/parts/etl/worker.ts";
import { type LiveServer, startLiveServer } from "../helpers/live-server.ts";

const collection = "watched";
const dimension = 4;
const script = fileURLToPath(new URL("./stream-worker-process.ts", import.meta.url));

/** Commits stay in memory until something asks for them to be on disk. */
const lazyWrites = {
  synchronous_commit: "off",
  wal_writer_delay: "10s",
  wal_writer_flush_after: "1GB",
  commit_delay: "0",
  checkpoint_timeout: "1h",
  autovacuum: "off",
};

export interface Stage {
  readonly server: TestServer;
  /** Two instances of Weir. */
  readonly lives: readonly [LiveServer, LiveServer];
  /** The index in memory of the watched collection. */
  readonly index: VectorStore;
  /** What the sync copies points to. */
  readonly copy: VectorStore;
  readonly collectionId: number;
  /** Sessions whose commits a crash takes back, and sessions whose commits it does not. */
  readonly unsafe: Sessions;
  readonly safe: Sessions;
}

export interface Sessions {
  readonly ingest: Pool;
  readonly app: Pool;
}

/** @param prepare changes the database before anything reads it: for controls */
export async function setStage(
  t: TestContext,
  prepare: (server: TestServer) => Promise<void> = async () => {},
): Promise<Stage> {
  const server = await startTestServer(t, { extra: lazyWrites });
  await prepareDatabase(server);
  await prepare(server);
  const [row] = await server.app.query<{ id: number }>({
    text: "insert into vectors.collections (name, dimension) values ($1, $2) returning id",
    values: [collection, dimension],
  });
  const copy = await openCopy(t);
  const index = openIndex(t, server);
  runEtlAndSync(t, server, copy);
  startStream(t, server);
  return {
    server,
    lives: [await startLiveServer(t, server), await startLiveServer(t, server)],
    index,
    copy,
    collectionId: row?.id ?? 0,
    unsafe: openSessions(t, server, "off"),
    safe: openSessions(t, server, "on"),
  };
}

async function prepareDatabase({ owner, app }: TestServer): Promise<void> {
  await owner.query({ text: "select raw.prepare_days(1)" });
  await owner.query({
    text: "insert into auth.services (name, role) values ('shop-web', 'producer')",
  });
  await app.query({
    text: "select etl.ensure_facts_partitions((now() - interval '10 days')::date, (now() + interval '2 days')::date)",
  });
  await syncEventTypeMapping(app, defaultEventTypeMapping);
}

function openSessions(t: TestContext, { urls }: TestServer, commit: "on" | "off"): Sessions {
  const open = (url: string) =>
    openPool({
      url,
      applicationName: `commits ${commit}`,
      max: 2,
      settings: { synchronous_commit: commit },
    });
  const sessions = { ingest: open(urls.ingest), app: open(urls.app) };
  t.after(async () => {
    await sessions.ingest.close();
    await sessions.app.close();
  });
  return sessions;
}

/** Qdrant's engine where Python has it, else the embedded store in a database that does not crash. */
async function openCopy(t: TestContext): Promise<VectorStore> {
  let store: VectorStore;
  if (process.env["WEIR_TEST_PYTHON"] !== undefined) {
    const shim = await startQdrantShim(t);
    store = createQdrantStore({ url: shim.url, timeoutMs: 5_000 });
  } else {
    const other = await createTestDatabase(t);
    const notifications = openNotifications({ url: other.urls.app, applicationName: "copy" });
    store = createEmbeddedStore({
      database: other.app,
      notifications,
      cacheFolder: undefined,
      memoryLimitBytes: 2 ** 28,
    });
    t.after(() => notifications.close());
  }
  t.after(() => store.close());
  return store;
}

function openIndex(t: TestContext, server: TestServer): VectorStore {
  const notifications = openNotifications({ url: server.urls.app, applicationName: "index" });
  const store = createEmbeddedStore({
    database: server.app,
    notifications,
    cacheFolder: undefined,
    memoryLimitBytes: 2 ** 28,
  });
  t.after(async () => {
    await store.close();
    await notifications.close();
  });
  return store;
}

function runEtlAndSync(t: TestContext, server: TestServer, copy: VectorStore): void {
  const pool = openPool({ url: server.urls.app, applicationName: "etl and sync", max: 8 });
  const notifications = openNotifications({ url: server.urls.app, applicationName: "parts" });
  const stop = new AbortController();
  const parts = [
    createEtl({
      database: pool,
      notifications,
      owner: "test",
      intervalMs: 20,
      stepEvents: 1_000,
      retentionDays: 10,
    }),
    createVectorSync({ database: pool, notifications, store: copy, pagePoints: 100 }),
  ];
  const running = Promise.all(parts.map((part) => part.run(stop.signal)));
  t.after(async () => {
    stop.abort();
    await running;
    await notifications.close();
    await pool.close();
  });
}

/** It reports the connections that a crash cuts; what counts is what it has written in the end. */
function startStream(t: TestContext, server: TestServer): ChildProcess {
  const child = spawn(process.execPath, [script, server.urls.app], { stdio: "ignore" });
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  });
  return child;
}

export const crashes = ["the postmaster killed", "a backend killed", "immediate shutdown"] as const;
export type Crash = (typeof crashes)[number];

/** Crashes PostgreSQL; resolves when it has recovered. */
export async function crash({ server }: Stage, how: Crash): Promise<void> {
  if (how === "a backend killed") return killBackend(server);
  if (how === "the postmaster killed") await server.kill9();
  else process.kill(server.pid, "SIGQUIT");
  await server.restart();
}

/** The postmaster lives on: it ends all other backends, and recovers as after a crash. */
async function killBackend({ owner }: TestServer): Promise<void> {
  const recovered = async () => {
    const [row] = await owner.query<{ end: string | null }>({
      text: "select pg_last_wal_replay_lsn()::text as end",
    });
    return row?.end ?? "never";
  };
  const before = await recovered();
  const [victim] = await owner.query<{ pid: number }>({
    text: "select pid from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid() limit 1",
  });
  process.kill(victim?.pid ?? 0, "SIGKILL");
  await until(async () => (await recovered().catch(() => before)) !== before, {
    what: "PostgreSQL to recover",
    timeoutMs: 60_000,
  });
}

/** The points that a store has: id and the member `n` of the payload, sorted. */
async function pointsOf(read: () => Promise<readonly { id: string; n: unknown }[]>) {
  return (await read()).map(({ id, n }) => `${id} ${n}`).sort();
}

export async function truePoints({ server, collectionId }: Stage): Promise<string[]> {
  return pointsOf(() =>
    server.app.query<{ id: string; n: unknown }>({
      text: `select id::text, payload ->> 'n' as n from vectors.points
             where collection_id = $1 and deleted_at is null`,
      values: [collectionId],
    }),
  );
}

export async function indexedPoints({ index }: Stage): Promise<string[]> {
  const vector = Float32Array.of(1, 0, 0, 0);
  return pointsOf(async () => {
    const hits = await index.query(collection, { vector, limit: 1_000_000, with_payload: true });
    return hits.map(({ id, payload }) => ({ id, n: payload?.["n"] }));
  });
}

export async function copiedPoints({ copy }: Stage): Promise<string[]> {
  return pointsOf(async () => {
    const points: { id: string; n: unknown }[] = [];
    let offset: string | undefined;
    do {
      const more: { readonly offset?: string } = offset === undefined ? {} : { offset };
      const page = await copy.scroll(collection, { limit: 1_000, ...more });
      points.push(...page.points.map(({ id, payload }) => ({ id, n: payload?.["n"] })));
      offset = page.next;
    } while (offset !== undefined);
    return points;
  });
}

/** One transaction: a new point, another one changed, and a third deleted, of those given. */
export async function changePoints(
  app: Pool,
  collectionId: number,
  { changed, deleted, n }: { changed: string; deleted: string; n: number },
): Promise<string> {
  const added = randomUUID();
  const ids = [added, changed];
  const vector = Buffer.from(Float32Array.of(1, 0, 0, 0).buffer);
  await app.transaction(async (connection) => {
    await connection.query({
      text: "select vectors.put_points($1, $2::uuid[], $3::bytea[], $4::jsonb[])",
      values: [collectionId, ids, ids.map(() => vector), ids.map(() => JSON.stringify({ n }))],
    });
    await connection.query({
      text: "select vectors.delete_points($1, $2::uuid[])",
      values: [collectionId, [deleted]],
    });
  });
  await app.query({ text: "notify weir_points" });
  return added;
}
