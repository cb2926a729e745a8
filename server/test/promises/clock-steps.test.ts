/**
 * Promise 10: no promise depends on a clock. PostgreSQL and Weir run under libfaketime, and their clocks step, each
 * alone and both together, while events are sent and workers are killed. Afterwards every accepted event is stored,
 * counted, processed and delivered once, no identity is forgotten, no day is dropped, and the audit finds no
 * difference. WEIR_TEST_CLOCK_STEPS=all runs every step.
 *
 * Control: a retention that believes PostgreSQL's clock drops accepted events when that jumps ahead.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { liveFeed, type ServerFrame } from "@weir/protocol";
import { WebSocket } from "ws";
import { createTestFolder } from "../../../testing/database.ts";
import { assertWithin } from "../../../testing/too-late.ts";
import { until } from "../../../testing/until.ts";
import { localActor } from "../../src/parts/auth/bounds.ts";
import { createKey, revokeKey } from "../../src/parts/auth/keys.ts";
import { createService } from "../../src/parts/auth/services.ts";
import { readLag } from "../../src/parts/log/lag.ts";
import {
  createFakedClock,
  type FakedClock,
  type FakedPostgres,
  startFakedPostgres,
  withoutFaketime,
} from "../helpers/faked-clock.ts";
import { compareWithLedger, type Ledger } from "../helpers/ledger.ts";
import { buildWith } from "../helpers/mutated-build.ts";
import { runCommand } from "../helpers/weir.ts";

const hour = 3_600;
const day = 24 * hour;
/** Shorter than the longest step: a retention that believes the clock drops everything. */
const rawDays = 7;
const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const skip = withoutFaketime();

type Side = "postgresql" | "weir" | "both";
interface Step {
  readonly side: Side;
  readonly seconds: number;
}

const sizes = [-30 * day, -3 * hour, -1, 1, 3 * hour, 30 * day];
const sides: readonly Side[] = ["postgresql", "weir", "both"];
const steps: readonly Step[] =
  process.env["WEIR_TEST_CLOCK_STEPS"] === "all"
    ? sides.flatMap((side) => sizes.map((seconds) => ({ side, seconds })))
    : [
        { side: "postgresql", seconds: -30 * day },
        { side: "both", seconds: 30 * day },
        { side: "weir", seconds: -3 * hour },
      ];

test(`${steps.length} steps of the clocks: nothing lost, forgotten, dropped or counted twice`, {
  skip,
}, async (t) => {
  const system = await startSystem(t, main);
  const feed = openFeed(t, system);
  await until(() => feed.frames.length > 0, { what: "the live feed" });
  await system.send(40);
  for (const step of steps) {
    await t.test(`${step.side} ${step.seconds} s`, async () => {
      await system.step(step);
      await system.send(40);
      assert.deepEqual(await system.resend(20), ["duplicate"], "while the clock is wrong");
      // retention works at once when the part starts, and the lease of the dead worker ends
      await system.replaceWorker();
      await system.send(20);
      await system.caughtUp();
      await revokesWithinASecond(system);
      await system.step({ side: step.side, seconds: 0 });
      await system.send(20);
    });
  }
  await system.replaceWorker();
  await system.caughtUp();

  const { ledger, postgres } = system;
  const stored = await storedIds(postgres);
  assert.deepEqual(compareWithLedger(ledger, stored), { lost: [], twice: [], phantoms: [] });
  const [counted] = await postgres.owner.query<Record<string, number>>({
    text: `select (select sum(events)::int from analytics.window_totals where size = 3) as days,
             (select sum(events)::int from analytics.window_totals where size = 1) as minutes,
             (select count(*)::int from analytics.facts) as facts,
             (select sum(views)::int from stream.products) as views,
             (select count(*)::int from dlq.letters) as letters`,
  });
  const count = ledger.acknowledged.size;
  assert.deepEqual(
    { ...counted },
    { days: count, minutes: count, facts: count, views: count, letters: 0 },
  );
  await until(() => feed.ids.length >= count, {
    what: () => `the live feed to deliver ${count} events; it has ${feed.ids.length}`,
  });
  assert.deepEqual(feed.ids.toSorted(), [...ledger.acknowledged].toSorted());
  assert.deepEqual(
    feed.frames.filter((type) => type === "gap"),
    [],
  );
  assert.deepEqual(await system.resend(count), ["duplicate"]);
  const audit = await runCommand(["--data", system.dataDir, "audit"], {
    WEIR_DATABASE_URL: postgres.url,
  });
  assert.equal(audit.exitCode, 0, audit.output);
  t.diagnostic(`${count} events, ${steps.length} steps`);
});

test("control: a retention that believes PostgreSQL's clock drops accepted events", {
  skip,
}, async (t) => {
  const mutated = await buildWith(t, [
    {
      in: "parts/retention/retention.ts",
      from: "select clock.earliest() - make_interval(days => $1) as before",
      to: "select clock_timestamp() - make_interval(days => $1) as before",
    },
    {
      in: "parts/retention/retention.ts",
      from: "log.close_days((clock.trusted()",
      to: "log.close_days((clock_timestamp()",
    },
  ]);
  const system = await startSystem(t, mutated);
  await system.send(40);
  await system.caughtUp();
  await system.step({ side: "postgresql", seconds: 30 * day });
  // the first round closes the days, the second drops them when the readers have moved on
  await system.replaceWorker();
  const closed = { text: "select from log.open_days where since > $1", values: [new Date()] };
  await until(async () => (await system.postgres.owner.query(closed)).length > 0, {
    what: "the days to be closed",
  });
  await system.send(5);
  await system.caughtUp();
  await system.replaceWorker();
  await until(
    async () => {
      const stored = await storedIds(system.postgres);
      return compareWithLedger(system.ledger, stored).lost.length > 0;
    },
    { what: "the loss" },
  );
});

interface System {
  readonly dataDir: string;
  readonly url: string;
  readonly key: string;
  readonly postgres: FakedPostgres;
  readonly ledger: Ledger;
  /** Sets the clocks, and fails when the processes do not have them then. */
  step(step: Step): Promise<void>;
  /** Sends until this many more events are accepted. */
  send(events: number): Promise<void>;
  /** Sends the last accepted events again, as they were; the different verdicts. */
  resend(events: number): Promise<string[]>;
  /** Kills the process of windows, stream and retention, and starts another. */
  replaceWorker(): Promise<void>;
  /** Until windows and stream have processed everything. */
  caughtUp(): Promise<void>;
}

async function startSystem(t: TestContext, program: string): Promise<System> {
  const clocks = {
    postgresql: await createFakedClock(t, "postgresql"),
    weir: await createFakedClock(t, "weir"),
  };
  const postgres = await startFakedPostgres(t, clocks.postgresql);
  const dataDir = await createTestFolder(t);
  const key = await prepare(postgres, dataDir);
  const serve = (parts: string) =>
    startParts(t, { program, parts, dataDir, postgres, clock: clocks.weir });
  const [http, first] = await Promise.all([serve("http"), serve("etl,retention,stream")]);
  let worker = first;
  const ledger: Ledger = { sent: new Set(), acknowledged: new Set() };
  const sentBodies = new Map<string, object>();
  const url = http.url ?? "";
  const post = (events: readonly object[]) => postEvents({ url, key }, events);
  return {
    ...{ dataDir, url, key, postgres, ledger },
    step: (step) => stepClocks({ clocks, postgres, url, key }, step),
    async send(events) {
      const target = ledger.acknowledged.size + events;
      while (ledger.acknowledged.size < target) {
        const made = Array.from({ length: 5 }, (_, n) => makeEvent(n));
        for (const event of made) {
          ledger.sent.add(event.event_id);
          sentBodies.set(event.event_id, event);
        }
        await until(
          async () => {
            const verdicts = await post(made);
            for (const [id, verdict] of verdicts) {
              if (verdict === "accepted" || verdict === "duplicate") ledger.acknowledged.add(id);
              assert.notEqual(
                verdict,
                "rejected",
                "a right event is not rejected for Weir's clock",
              );
            }
            return [...verdicts.values()].every((verdict) => verdict !== "retry");
          },
          { what: "a batch to be accepted", everyMs: 50 },
        );
      }
    },
    async resend(events) {
      const ids = [...ledger.acknowledged].slice(-events);
      const verdicts = await post(ids.map((id) => sentBodies.get(id) ?? {}));
      return [...new Set(verdicts.values())];
    },
    async replaceWorker() {
      worker.process.kill("SIGKILL");
      await once(worker.process, "exit");
      worker = await serve("etl,retention,stream");
    },
    async caughtUp() {
      await until(
        async () => {
          const lags = await Promise.all(
            ["windows", "stream"].map((reader) => readLag(postgres.owner, reader)),
          );
          return lags.every((lag) => lag?.events === 0);
        },
        { what: () => `windows and stream to catch up:\n${worker.output()}` },
      );
    },
  };
}

/** A third says when it occurred, as the sender's clock, which is right, has it. */
function makeEvent(n: number) {
  return {
    event_id: randomUUID(),
    event_type: "product.view",
    user_id: `user-${n}`,
    product: { id: `product-${n % 3}`, name: `Product ${n % 3}`, price: 9.99, currency: "TRY" },
    ...(n % 3 === 0 ? { timestamp: new Date().toISOString() } : {}),
  };
}

async function postEvents(
  { url, key }: Pick<System, "url" | "key">,
  events: readonly object[],
): Promise<ReadonlyMap<string, string>> {
  const response = await fetch(`${url}/api/events/batch`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": key },
    body: JSON.stringify(events),
    signal: AbortSignal.timeout(10_000),
  });
  const body = (await response.json()) as {
    results?: { event_id: string; verdict: string }[];
  };
  assert.ok(body.results !== undefined, JSON.stringify(body));
  return new Map(body.results.map(({ event_id, verdict }) => [event_id, verdict]));
}

async function stepClocks(
  system: {
    readonly clocks: { readonly postgresql: FakedClock; readonly weir: FakedClock };
    readonly postgres: FakedPostgres;
    readonly url: string;
    readonly key: string;
  },
  { side, seconds }: Step,
): Promise<void> {
  const { clocks, postgres, url, key } = system;
  for (const name of ["postgresql", "weir"] as const) {
    if (side === name || side === "both") clocks[name].step(seconds);
  }
  const expected = (name: Side) => (side === name || side === "both" ? seconds : 0);
  const near = (found: number | undefined, target: number) =>
    Math.abs((found ?? Number.NaN) - target) < 0.9;
  let found = "";
  // the steps must take effect, else the test would prove nothing
  await until(
    async () => {
      const real = Date.now();
      const [row] = await postgres.owner.query<{ at: Date }>({
        text: "select clock_timestamp() as at",
      });
      const postgresqlAhead = ((row?.at.getTime() ?? 0) - real) / 1000;
      const { status, facts } = await readClockHealth(url, key);
      found = JSON.stringify({ postgresqlAhead, status, facts });
      return (
        near(postgresqlAhead, expected("postgresql")) &&
        near(facts["weir_ahead_s"], expected("weir")) &&
        near(facts["postgresql_ahead_of_weir_s"], expected("postgresql") - expected("weir")) &&
        status === (seconds === 0 ? "ok" : "degraded")
      );
    },
    { what: () => `the clocks to be ${seconds} s ahead on the side of ${side}: ${found}` },
  );
}

async function readClockHealth(url: string, key: string) {
  const answer = await fetch(`${url}/health/clock`, { headers: { "x-api-key": key } });
  const { checks } = (await answer.json()) as {
    checks: { clock: { status: string; facts?: Record<string, number> } };
  };
  return { status: checks.clock.status, facts: checks.clock.facts ?? {} };
}

async function revokesWithinASecond({ postgres, url }: System): Promise<void> {
  const administration = administrationOf(postgres);
  const { id, secret_key: key } = await createKey(administration, { service: "shop" });
  const ask = async () => {
    const answer = await fetch(`${url}/api/events/`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-api-key": key },
      body: "{}",
    });
    await answer.text();
    return answer.status;
  };
  await until(async () => (await ask()) === 422, { what: "the key to be known" });
  await revokeKey(administration, id);
  const revoked = performance.now();
  await until(async () => (await ask()) === 401, { what: "the key to be refused", everyMs: 10 });
  assertWithin(performance.now() - revoked, 1_000, "the revocation");
}

function administrationOf({ owner }: FakedPostgres) {
  return { database: owner, env: "dev", random: randomBytes, actor: localActor("test") };
}

/** Tables and roles, as an operator makes them, and the key of an administrator. */
async function prepare(postgres: FakedPostgres, dataDir: string): Promise<string> {
  const migrated = await runCommand(["--data", dataDir, "migrate"], {
    WEIR_DATABASE_URL: postgres.url,
  });
  assert.equal(migrated.exitCode, 0, migrated.output);
  const administration = administrationOf(postgres);
  await createService(administration, { name: "shop", role: "admin" });
  return (await createKey(administration, { service: "shop" })).secret_key;
}

interface RunningParts {
  readonly process: ChildProcess;
  readonly url: string | undefined;
  output(): string;
}

async function startParts(
  t: TestContext,
  about: {
    readonly program: string;
    readonly parts: string;
    readonly dataDir: string;
    readonly postgres: FakedPostgres;
    readonly clock: FakedClock;
  },
): Promise<RunningParts> {
  const { program, parts, dataDir, postgres, clock } = about;
  const flags = ["--data", dataDir, "serve", "--parts", parts];
  const child = spawn(process.execPath, [program, ...flags, "--host", "127.0.0.1", "--port", "0"], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      ...clock.environment,
      WEIR_DATABASE_URL: postgres.url,
      WEIR_RETENTION_RAW_DAYS: String(rawDays),
    },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk;
    });
  }
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  });
  const ready = await until(
    () => {
      if (child.exitCode !== null) throw new Error(`${parts} ended:\n${output}`);
      return /"listen":(null|"[^"]+").*"ready"/.exec(output) ?? undefined;
    },
    { what: () => `${parts} to be ready:\n${output}`, timeoutMs: 60_000 },
  );
  return {
    process: child,
    url: (JSON.parse(ready[1] ?? "null") as string | null) ?? undefined,
    output: () => output,
  };
}

function openFeed(t: TestContext, { url, key }: System) {
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}${liveFeed.path}`, {
    headers: { "x-api-key": key },
  });
  t.after(() => socket.terminate());
  const frames: string[] = [];
  const ids: string[] = [];
  socket.on("error", (error) => frames.push(`error: ${error.message}`));
  socket.on("message", (data) => {
    const frame = JSON.parse(String(data)) as ServerFrame;
    frames.push(frame.type);
    if (frame.type === "event") ids.push(frame.event.event_id);
  });
  return { frames, ids };
}

async function storedIds({ owner }: FakedPostgres): Promise<string[]> {
  const rows = await owner.query<{ id: string }>({
    text: "select event_id::text as id from raw.events",
  });
  return rows.map(({ id }) => id);
}
