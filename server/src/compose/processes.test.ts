import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createTestDatabase, createTestFolder } from "../../../testing/database.ts";
import { createLogger } from "../adapters/telemetry/logger.ts";
import { createMetrics } from "../adapters/telemetry/metrics.ts";
import { loadConfig } from "../config/load.ts";
import { demoSources } from "../parts/demo/demo-event.ts";
import { watchForOutages } from "../process/databases.ts";
import { writeSecretFile } from "../process/run-file.ts";
import type { ComposeOptions } from "./options.ts";
import { partNames, processes, processesOf, serverParts } from "./processes.ts";

async function composeOptions(t: TestContext): Promise<ComposeOptions> {
  const [{ urls }, dataDir] = [await createTestDatabase(t), await createTestFolder(t)];
  for (const service of demoSources) {
    writeSecretFile(join(dataDir, "keys", `${service}.key`), "weir_test_key");
  }
  const config = loadConfig({
    env: {},
    cwd: dataDir,
    flags: {
      data_dir: { flag: "--data", value: dataDir },
      "http.port": { flag: "--port", value: 0 },
    },
  });
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const logger = createLogger("error");
  return {
    config: () => config,
    urls,
    stack,
    logger,
    outage: watchForOutages(stack, { url: urls.app, logger }),
    metrics: createMetrics("test"),
    serverUrl: () => "http://127.0.0.1:1",
  };
}

test("every name is used once, one process listens, and its clients stop before it", () => {
  assert.equal(new Set(partNames).size, partNames.length);
  const names = processes.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.deepEqual(
    processes.filter(({ listens }) => listens).map(({ isClient }) => isClient),
    [false],
  );
  assert.deepEqual(
    partNames.filter((name) => !serverParts.includes(name)),
    ["demo"],
  );
});

test("an entry is chosen when one of its parts is named", () => {
  const chosen = processesOf(new Set(["retention", "stream"]));
  assert.deepEqual(
    chosen.map(({ name }) => name),
    ["etl", "stream"],
  );
});

for (const entry of processes) {
  test(`the process ${entry.name} has a file of its name, and each of its parts can be served`, async (t) => {
    assert.ok(readdirSync(import.meta.dirname).includes(`${entry.name}.ts`));
    const compose = await entry.load();
    for (const name of entry.parts) {
      const options = await composeOptions(t);
      const composed = await compose(options, new Set([name]));
      assert.ok(composed.parts.length > 0, name);
      assert.equal(typeof composed.counters(), "object");
      if (entry.listens) assert.match((await composed.listen?.()) ?? "", /^http:\/\/127/);
      await composed.drain?.();
      await composed.close?.();
    }
  });
}
