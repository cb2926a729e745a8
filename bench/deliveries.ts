/**
 * Deliveries to local receivers, on a private PostgreSQL with fsync:
 *
 *   node bench/deliveries.ts [--endpoints 10] [--hanging 1] [--events 20000] [--rate 200] [--seconds 30]
 *
 * First at `--rate` events/s to all endpoints, of which some never answer: from the commit of an event to its acceptance by
 * the others, p50 and p95. Then a backlog of `--events` to one endpoint: deliveries per second. Part and receivers run in
 * this process, on the same CPUs.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { createSubscription } from "../server/src/parts/deliveries/changes.ts";
import { type CleanUp, startTestServer } from "../testing/database.ts";
import { changing, prepareSenders, sendEvents, startDeliveries } from "../testing/deliveries.ts";
import { until } from "../testing/until.ts";

const { values: flags } = parseArgs({
  options: {
    endpoints: { type: "string", default: "10" },
    hanging: { type: "string", default: "1" },
    events: { type: "string", default: "20000" },
    rate: { type: "string", default: "200" },
    seconds: { type: "string", default: "30" },
  },
});
const [endpoints, hanging, events, rate, seconds] = [
  ...[flags.endpoints, flags.hanging, flags.events, flags.rate, flags.seconds],
].map(Number) as [number, number, number, number, number];

const cleanUps: (() => void | Promise<void>)[] = [];
const t: CleanUp = { after: (work) => cleanUps.push(work) };

interface CountingReceiver {
  readonly url: string;
  /** By event id, when it was accepted. */
  readonly at: Map<string, number>;
}

/** Answers at once, or never. */
async function receive(answers: boolean): Promise<CountingReceiver> {
  const at = new Map<string, number>();
  const server: Server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      if (!answers) return;
      at.set((JSON.parse(body) as { id: string }).id, performance.now());
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, at };
}

const quantile = (sorted: readonly number[], share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

try {
  const database = await startTestServer(t);
  await prepareSenders(database);
  const receivers: CountingReceiver[] = [];
  for (let index = 0; index < endpoints; index++) {
    const receiver = await receive(index >= hanging);
    receivers.push(receiver);
    await createSubscription(changing(database), {
      ...{ name: `endpoint-${index}`, url: receiver.url, event_types: ["live.*"], concurrency: 16 },
    });
  }
  startDeliveries(t, database, { attemptMs: 15_000, retryMs: 5_000 });

  const sentAt = new Map<string, number>();
  const pause = 20;
  const each = Math.max(1, Math.round((rate * pause) / 1_000));
  for (
    const end = performance.now() + seconds * 1_000;
    performance.now() < end;
    await wait(pause)
  ) {
    const ids = await sendEvents(
      database.owner,
      Array.from({ length: each }, () => ({ type: "live.event", payload: { total: 10 } })),
    );
    const now = performance.now();
    for (const id of ids) sentAt.set(id, now);
  }
  const answering = receivers.slice(hanging);
  await until(() => answering.every(({ at }) => at.size === sentAt.size), {
    what: "the receivers that answer to have all",
    timeoutMs: 600_000,
  });
  const delays = answering
    .flatMap(({ at }) => [...at].map(([id, accepted]) => accepted - (sentAt.get(id) ?? accepted)))
    .sort((a, b) => a - b);
  console.log(
    `${endpoints} endpoints, ${hanging} hanging, ${Math.round(sentAt.size / seconds)} events/s: p50 ${quantile(delays, 0.5).toFixed(1)} ms, p95 ${quantile(delays, 0.95).toFixed(1)} ms`,
  );

  const bulk = await receive(true);
  await createSubscription(changing(database), {
    ...{ name: "bulk", url: bulk.url, event_types: ["bulk.*"], concurrency: 64 },
  });
  const cpu = process.cpuUsage();
  const began = performance.now();
  for (let sent = 0; sent < events; sent += 500) {
    await sendEvents(
      database.owner,
      Array.from({ length: Math.min(500, events - sent) }, () => ({ type: "bulk.event" })),
    );
  }
  await until(() => bulk.at.size === events, { what: "the backlog", timeoutMs: 600_000 });
  const took = (performance.now() - began) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  console.log(
    `${events} deliveries to one endpoint: ${Math.round(events / took)}/s, ${Math.round((user + system) / events)} µs of CPU each in this process`,
  );
} finally {
  for (const work of cleanUps.reverse()) await work();
}
