/**
 * The whole path as an operator starts it: `weir up` with Kafka, Spark as the engine of the windows, and hand-overs by
 * the command line.
 */
import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { sparkInstall, sparkTools } from "../../../../testing/servers/install/spark.ts";
import { startKafka } from "../../../../testing/servers/kafka.ts";
import { requireServers } from "../../../../testing/servers/required-servers.ts";
import { until } from "../../../../testing/until.ts";
import { type RunningWeir, runCommand, startWeir } from "../../helpers/weir.ts";

const servers = await requireServers("kafka", "spark");

interface EngineStatus {
  readonly engine: string;
  readonly folded_beyond_position: number;
  readonly behind_events: number;
  readonly spark: { readonly run: { readonly events: number; readonly epoch: number } | null };
}

test(
  "weir up folds the windows by Spark, hands over by command, and leaves no process",
  servers,
  async (t) => {
    const kafka = await startKafka(t);
    const installed = sparkInstall.find();
    assert.ok(installed);
    const { python, jars } = sparkTools(installed);
    const weir = await startWeir(t, {
      environment: {
        WEIR_KAFKA_BROKERS: kafka.brokers.join(","),
        WEIR_ENGINE_WINDOWS: "spark",
        WEIR_SPARK_PYTHON: python,
        WEIR_SPARK_JARS: dirname(jars.split(",")[0] ?? ""),
        WEIR_SPARK_MASTER: "local[1]",
        WEIR_SPARK_UI_PORT: "0",
        WEIR_SPARK_DRIVER_MEMORY: "768m",
        WEIR_SPARK_CONF: JSON.stringify({
          "spark.ui.enabled": "false",
          "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        }),
      },
    });
    const status = async (): Promise<EngineStatus> => {
      const { stdout } = await runCommand(["--data", weir.dataDir, "--json", "engine", "status"]);
      return JSON.parse(stdout) as EngineStatus;
    };
    const untilFolded = () =>
      until(async () => (await status()).behind_events === 0, {
        ...{ what: "the windows to have every event", timeoutMs: 180_000, everyMs: 500 },
      });

    await send(weir, 0, 200);
    await untilFolded();
    const { engine, spark } = await status();
    assert.deepEqual([engine, spark.run?.events], ["spark", 200]);
    const file = await stat(join(weir.dataDir, "spark", "job.json"));
    assert.equal(file.mode & 0o777, 0o600, "it holds the URL of the database");
    const health = await fetch(`${weir.run.url}/health/spark`);
    assert.deepEqual(await health.json(), { status: "ok" });

    await use(weir, "builtin");
    await send(weir, 200, 400);
    await untilFolded();
    assert.equal((await status()).spark.run?.events, 200, "the built-in engine has folded them");

    await use(weir, "spark");
    await send(weir, 400, 600);
    await untilFolded();
    const after = await status();
    assert.equal(
      after.spark.run?.events,
      200,
      "of the new run: what is not folded, and nothing else",
    );
    assert.ok((after.spark.run?.epoch ?? 0) > (spark.run?.epoch ?? 0));
    const audit = await runCommand(["--data", weir.dataDir, "audit"]);
    assert.equal(audit.exitCode, 0, audit.output);
    assert.match(audit.output, /600 raw events: all windows match/);
    assert.equal(await weir.stop(), 0);
  },
);

async function use(weir: RunningWeir, engine: string): Promise<void> {
  const { exitCode, output } = await runCommand(["--data", weir.dataDir, "engine", "use", engine]);
  assert.equal(exitCode, 0, output);
}

/** Events `from` to before `to`, in one batch. */
async function send(weir: RunningWeir, from: number, to: number): Promise<void> {
  const events = Array.from({ length: to - from }, (_, n) => ({
    event_id: `e${from + n}`,
    event_type: n % 3 === 0 ? "purchase" : "product.view",
    timestamp: new Date(Date.now() - 1_000 * n).toISOString(),
    user_id: `u${n % 20}`,
    product: { id: `p${n % 7}`, name: `Product ${n % 7}` },
    properties: { revenue: "12.90", currency: "TRY" },
  }));
  const reply = await fetch(`${weir.run.url}/api/events/batch`, {
    method: "POST",
    headers: { "x-api-key": weir.adminKey, "content-type": "application/json" },
    body: JSON.stringify(events),
  });
  assert.equal(reply.status, 202, await reply.text());
}
