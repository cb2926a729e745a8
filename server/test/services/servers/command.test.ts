import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { createTestFolder } from "../../../../testing/database.ts";
import { freePorts, isFree } from "../../../../testing/servers/free-ports.ts";
import { kafkaInstall } from "../../../../testing/servers/install/kafka.ts";
import { requireServers } from "../../../../testing/servers/required-servers.ts";
import { until } from "../../../../testing/until.ts";

interface Line {
  readonly name: string;
  readonly pid: number;
  readonly ports: Readonly<Record<string, number>>;
  readonly health: string;
}

const script = join(import.meta.dirname, "../../../../scripts/services/services.ts");
const light = await requireServers("redis", "prometheus");
const heavy = await requireServers("kafka");

test(
  "up starts servers that outlive it, status asks them, up starts again what has ended, and down leaves nothing",
  light,
  async (t) => {
    const services = await stage(t);
    const [port = 0] = await freePorts(1);
    const fixed = ["--port", `redis=${port}`];
    const up = await services("up", "redis", "prometheus", "--json", ...fixed);
    assert.equal(up.code, 0, up.errors);
    const [prometheus, redis] = up.lines as [Line, Line];
    assert.equal(redis.ports["redis"], port);
    assert.equal(await isFree(port), false);
    assert.deepEqual(await healths(services), ["prometheus healthy", "redis healthy"]);

    process.kill(redis.pid, "SIGSTOP");
    assert.deepEqual(await healths(services), ["prometheus healthy", "redis does not answer"]);
    assert.equal((await services("status")).code, 1);
    process.kill(redis.pid, "SIGCONT");
    process.kill(redis.pid, "SIGKILL");
    await until(() => isFree(port), { what: "the end of Redis" });
    assert.deepEqual(await healths(services), ["prometheus healthy", "redis has ended"]);

    const again = (await services("up", "redis", "prometheus", "--json", ...fixed)).lines as Line[];
    assert.equal(again[0]?.pid, prometheus.pid, "what runs is left alone");
    assert.notEqual(again[1]?.pid, redis.pid);

    const down = await services("down");
    assert.equal(down.code, 0, down.errors);
    assert.match(down.output, /redis +\d+ +stopped/);
    assert.equal(await isFree(port), true);
    assert.match((await services("status")).output, /No server runs/);
  },
);

test("down can keep the data", light, async (t) => {
  const services = await stage(t);
  assert.equal((await services("up", "prometheus")).code, 0);
  const wal = join(services.cache, "running", "prometheus", "data", "wal");
  assert.equal((await services("down", "prometheus", "--keep-data")).code, 0);
  assert.ok(existsSync(wal));
  assert.equal((await services("up", "prometheus")).code, 0);
  assert.equal((await services("down")).code, 0);
  assert.ok(!existsSync(wal));
});

test("An interrupted up stops what it started", heavy, async (t) => {
  const services = await stage(t);
  const installed = kafkaInstall.find()?.path ?? "";
  symlinkSync(installed, join(services.cache, "kafka-4.4.0"));
  const state = join(services.cache, "running", "kafka", "state.json");
  const child = services.start("up", "kafka");
  await until(() => existsSync(state), { what: "the start of Kafka" });
  const { pid, ports } = JSON.parse(readFileSync(state, "utf8")) as Line;
  child.kill("SIGINT");
  assert.deepEqual(await once(child, "exit"), [130, null]);
  // the system collects the rest of the group in its own time
  await until(() => !isThere(-pid), { what: "the end of Kafka" });
  assert.equal(await isFree(ports["broker"] ?? 0), true);
});

test(
  "Errors say what to do: a taken port, an unknown server, nothing installed, a missing program",
  light,
  async (t) => {
    const services = await stage(t);
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    t.after(() => taken.close());
    const { port } = taken.address() as { port: number };
    const expected: [args: string[], code: number, message: RegExp][] = [
      [
        ["up", "redis", "prometheus", "--port", `prometheus=${port}`],
        1,
        /prometheus: port \d+ is taken/,
      ],
      [
        ["up", "redis", "--port", "redis.web=9000"],
        2,
        /redis has the ports redis, secure, not web/,
      ],
      [["up", "redis", "--port", "nginx=9000"], 2, /nginx is not among the servers to start/],
      [["up", "cassandra"], 2, /There is no server cassandra. Known: kafka, redis/],
      [["up", "kafka"], 1, /Not installed: kafka. Run: npm run services -- install kafka/],
      [["install", "cassandra"], 2, /There is no cassandra. Known: kafka/],
      [["down", "redis"], 2, /Does not run: redis/],
      [["restart"], 2, /Usage/],
    ];
    for (const [args, code, message] of expected) {
      const result = await services(...args);
      assert.match(result.errors, message);
      assert.equal(result.code, code, args.join(" "));
    }
    const poor = await services.withPath("/nonexistent", "install", "kafka");
    assert.match(poor.output, /java is missing: install a Java of 17/);
    assert.equal(poor.code, 1);
    assert.match((await services("status")).output, /No server runs/);
  },
);

/** The command, with a cache of its own. */
async function stage(t: TestContext) {
  const cache = await createTestFolder(t);
  const start = (...args: string[]) => run(args, {});
  const run = (args: string[], env: Record<string, string>) =>
    spawn(process.execPath, [script, ...args], {
      env: { ...process.env, WEIR_SERVICES_CACHE: cache, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
  const finish = async (child: ReturnType<typeof run>) => {
    const [output, errors, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, "exit") as Promise<[number | null]>,
    ]);
    const lines: unknown = output.startsWith("[") ? JSON.parse(output) : undefined;
    return { code, output, errors, lines };
  };
  const services = (...args: string[]) => finish(start(...args));
  t.after(async () => {
    await services("down");
  });
  return Object.assign(services, {
    cache,
    start,
    withPath: (PATH: string, ...args: string[]) => finish(run(args, { PATH })),
  });
}

async function healths(services: Awaited<ReturnType<typeof stage>>): Promise<string[]> {
  const { lines } = await services("status", "--json");
  return (lines as Line[]).map(({ name, health }) => `${name} ${health}`);
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
