import assert from "node:assert/strict";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createTestFolder } from "../../../testing/database.ts";
import { until } from "../../../testing/until.ts";
import { loadConfig } from "./load.ts";
import { watchConfig } from "./watch.ts";

function watched(t: TestContext, cwd: string) {
  const problems: string[] = [];
  const initial = loadConfig({ env: {}, cwd: "/" });
  const config = watchConfig(initial, (sentence) => problems.push(sentence), cwd);
  t.after(() => config.close());
  return { config, problems };
}

async function save(folder: string, text: string): Promise<void> {
  await writeFile(join(folder, "weir.yaml.new"), text);
  await rename(join(folder, "weir.yaml.new"), join(folder, "weir.yaml"));
}

test("saving weir.yaml applies the settings marked for run time, not the others, and not an invalid file", async (t) => {
  const folder = await createTestFolder(t);
  const { config, problems } = watched(t, folder);
  const { port } = config.current().http;
  const levels: string[] = [];
  config.onChange((now) => levels.push(now.log.level));
  await save(folder, `log: { level: debug }\nhttp: { port: ${port + 1} }\n`);
  await until(() => config.current().log.level === "debug", { what: "the level" });
  assert.equal(config.current().http.port, port);
  await save(folder, "log: { level: nonsense }\n");
  await until(() => problems.length > 0, { what: "the problem to be reported" });
  assert.match(problems.join(), /weir\.yaml was not applied: .*log\.level/s);
  await save(folder, "log: { level: warn }\n");
  await until(() => config.current().log.level === "warn", { what: "the next valid file" });
  assert.deepEqual(levels, ["debug", "warn"]);
});

test("a folder that cannot be watched is reported, and the settings of the start stay in force", async (t) => {
  const folder = await createTestFolder(t);
  const { config, problems } = watched(t, join(folder, "nowhere"));
  assert.match(problems.join(), /not watched.*restart: ENOENT/);
  assert.equal(config.current().log.level, "info");
});
