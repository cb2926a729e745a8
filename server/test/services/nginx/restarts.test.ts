/**
 * Processes behind nginx are restarted and killed under load. WEIR_TEST_KILLS=20 kills each kind of process as
 * often.
 */
import assert from "node:assert/strict";
import { after, type TestContext, test } from "node:test";
import { requireServers } from "../../../../testing/servers/required-servers.ts";
import { lastLines } from "../../../../testing/servers/server-process.ts";
import { until } from "../../../../testing/until.ts";
import { buildWith } from "../../helpers/mutated-build.ts";
import {
  type Cluster,
  type Front,
  type FrontOptions,
  startDatabase,
  startFront,
  startProcesses,
} from "./cluster.ts";
import { type Load, startLoad, storedOf } from "./load.ts";

const needs = await requireServers("nginx");
const kills = Number(process.env["WEIR_TEST_KILLS"] ?? 3);
const clients = 16;
const database = needs.skip === false ? await startDatabase({ after }) : undefined;

interface Both {
  readonly cluster: Cluster;
  readonly front: Front;
}

/** Two processes and nginx in front of them, of the build and with the mistake that a control has. */
async function startBoth(
  t: TestContext,
  { main, mistake }: Pick<FrontOptions, "mistake"> & { readonly main?: string } = {},
): Promise<Both> {
  assert.ok(database !== undefined);
  const cluster = await startProcesses(t, database, main === undefined ? {} : { main });
  const { processes } = cluster;
  return { cluster, front: await startFront(t, { processes, ...(mistake && { mistake }) }) };
}

function loadOn({ cluster, front }: Both, eventType: string, repeats = false): Load {
  return startLoad({ front, key: cluster.adminKey, eventType, clients, repeats });
}

/** Some more requests are answered: the load has noticed what was done. */
async function goesOn(load: Load, requests = 150): Promise<void> {
  const goal = load.answered() + requests;
  await until(() => load.answered() >= goal, {
    what: () => `answers after ${load.answered()}: ${load.failures.slice(-3)}`,
    timeoutMs: 60_000,
  });
}

/** nginx sends it requests again: it was out for `fail_timeout`, and the next kill must not find it out. */
async function serves(front: Front, port: number): Promise<void> {
  const before = (await front.log()).length;
  const answer = `"upstream":"127.0.0.1:${port}","upstream_status":"202"`;
  await until(async () => (await front.log()).slice(before).includes(answer), {
    what: `requests at ${port}`,
  });
}

async function restartEach({ cluster }: Both, load: Load): Promise<void> {
  for (const one of cluster.processes) {
    await goesOn(load);
    assert.equal(await one.stop(), 0, one.output().slice(-1_000));
    await goesOn(load);
    await one.start();
  }
  await goesOn(load);
}

test(
  "restarted one by one under load: no request fails, and each event is there once",
  needs,
  async (t) => {
    const both = await startBoth(t);
    const load = loadOn(both, "restarts");
    await restartEach(both, load);
    await load.stop();
    t.diagnostic(`${load.answered()} requests, ${load.failures.length} failed`);
    assert.deepEqual(load.failures.slice(0, 3), [], lastLines(both.front.logFile, 5));
    const stored = await storedOf(both.cluster, "restarts");
    assert.deepEqual(stored, { rows: load.answered(), numbers: load.answered() });
  },
);

test(
  "killed under load: no request fails, and no event is lost or there twice",
  needs,
  async (t) => {
    const both = await startBoth(t);
    const load = loadOn(both, "kills");
    const { processes } = both.cluster;
    for (let n = 0; n < kills; n++) {
      const one = processes[n % processes.length];
      await goesOn(load);
      await one?.kill();
      await goesOn(load);
      await one?.start();
      await serves(both.front, one?.port ?? 0);
    }
    await goesOn(load);
    await load.stop();
    t.diagnostic(`${kills} kills, ${load.answered()} requests, ${load.failures.length} failed`);
    assert.deepEqual(load.failures.slice(0, 3), [], lastLines(both.front.logFile, 5));
    const stored = await storedOf(both.cluster, "kills");
    assert.deepEqual(stored, { rows: load.answered(), numbers: load.answered() });
  },
);

test("a worker of nginx killed under load: no event is lost or there twice", needs, async (t) => {
  const both = await startBoth(t);
  const load = loadOn(both, "workers", true);
  for (let n = 0; n < kills; n++) {
    await goesOn(load, 100);
    const [worker = 0] = await both.front.workers();
    process.kill(worker, "SIGKILL");
  }
  await goesOn(load);
  await load.stop();
  t.diagnostic(`${kills} kills, ${load.answered()} events, ${load.failures.length} sent again`);
  const stored = await storedOf(both.cluster, "workers");
  assert.deepEqual(stored, { rows: load.answered(), numbers: load.answered() });
  assert.ok(load.failures.length > 0, "connections were cut");
});

test(
  "control: without retries and without the drain, a restart fails requests",
  needs,
  async (t) => {
    const main = await buildWith(t, [
      {
        in: "compose/http.ts",
        from: "await http.stopAccepting(isSupervised() ? 0 : options.config().http.drain_delay_ms);",
        to: "http.server.closeAllConnections();",
      },
    ]);
    const mistake = {
      in: "weir.conf",
      from: "proxy_next_upstream error timeout non_idempotent;",
      to: "proxy_next_upstream off;",
    };
    const both = await startBoth(t, { main, mistake });
    const load = loadOn(both, "control.restart");
    await goesOn(load);
    await both.cluster.processes[0]?.stop();
    await goesOn(load);
    await load.stop();
    t.diagnostic(`${load.failures.length} failed, ${load.answered()} did not`);
    assert.ok(load.failures.length > 0);
  },
);

test("control: without the proxy's id, an event that had none is there twice", needs, async (t) => {
  const answer = "return { status: 202, headers, body: { event_id: kept.answerId";
  const main = await buildWith(t, [
    {
      in: "parts/ingest/accept.ts",
      from: "const { repeatId } = request;",
      to: "const repeatId: string | undefined = undefined;",
    },
    // so that the kill meets requests that are stored and not answered
    {
      in: "parts/ingest/native-routes.ts",
      from: answer,
      to: `await new Promise((resolve) => setTimeout(resolve, 50)); ${answer}`,
    },
  ]);
  const both = await startBoth(t, { main });
  const load = loadOn(both, "control.kill");
  await goesOn(load);
  await both.cluster.processes[0]?.kill();
  await goesOn(load);
  await load.stop();
  const { rows, numbers } = await storedOf(both.cluster, "control.kill");
  assert.ok(rows > numbers, `${rows} rows of ${numbers} events`);
});
