import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createTestFolder } from "../../../testing/database.ts";
import { loadConfig } from "./load.ts";
import { withoutSecrets } from "./settings.ts";
import { configYaml } from "./show.ts";

async function folderWith(t: TestContext, files: Readonly<Record<string, string>>) {
  const folder = await createTestFolder(t);
  await mkdir(join(folder, "config"));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

function messageFrom(load: () => unknown): string {
  try {
    load();
  } catch (error) {
    return String(error);
  }
  return "no error";
}

test("later sources win: weir.yaml, config/<env>.yaml, variables, flags", async (t) => {
  const cwd = await folderWith(t, {
    "weir.yaml": "env: test\nhttp: { port: 1, host: a, request_timeout_ms: 2000 }\n",
    "config/test.yaml": "http: { port: 2, host: b }\n",
  });
  const flags = { "http.port": { flag: "--port", value: 4 } };
  const { http } = loadConfig({ env: { WEIR_HTTP_PORT: "3" }, cwd, flags });
  assert.deepEqual([http.port, http.host, http.request_timeout_ms], [4, "b", 2_000]);
  assert.equal(loadConfig({ env: { WEIR_HTTP_PORT: "3" }, cwd }).http.port, 3);
  assert.equal(loadConfig({ env: {}, cwd }).http.port, 2);
});

test("a wrong value is blamed on the file, variable or flag that set it", async (t) => {
  const cwd = await folderWith(t, {
    "weir.yaml": "http: { port: 99999, cors_origins: [nonsense] }\nlog: { level: loud }\n",
  });
  const otherFolder = await createTestFolder(t);
  const inFile = messageFrom(() => loadConfig({ env: {}, cwd }));
  assert.match(inFile, /http\.port: must be at most 65535, not 99999 \(from weir\.yaml line 1\)/);
  assert.match(inFile, /cors_origins\.0: .*, not "nonsense" \(from weir\.yaml line 1\)/);
  assert.match(
    messageFrom(() => loadConfig({ env: { WEIR_KAFKA_BROKERS: "nonsense" }, cwd: otherFolder })),
    /kafka\.brokers\.0: must be an address such as kafka\.example\.org:9092, not "nonsense" \(from WEIR_KAFKA_BROKERS\)/,
  );
  assert.match(
    inFile,
    /log\.level: must be one of debug, .*, not "loud" \(from weir\.yaml line 2\)/,
  );
  const env = { WEIR_HTTP_PORT: "88888" };
  assert.match(
    messageFrom(() => loadConfig({ env, cwd })),
    /88888 \(from WEIR_HTTP_PORT\)/,
  );
  const flags = { "http.port": { flag: "--port", value: 77_777 } };
  assert.match(
    messageFrom(() => loadConfig({ env, cwd, flags })),
    /77777 \(from --port\)/,
  );
});

test("an unknown setting or variable is an error that names the nearest known one", async (t) => {
  const cwd = await folderWith(t, { "weir.yaml": "http: { prot: 1 }\n" });
  assert.match(
    messageFrom(() => loadConfig({ env: {}, cwd })),
    /http\.prot: unknown setting; did you mean http\.port\? \(from weir\.yaml line 1\)/,
  );
  assert.match(
    messageFrom(() => loadConfig({ env: { WEIR_HTTP_PROT: "1" }, cwd: "/" })),
    /unknown environment variable WEIR_HTTP_PROT; did you mean WEIR_HTTP_PORT\?/,
  );
});

test("a secret comes from a file, and printing the configuration does not show it", async (t) => {
  const cwd = await folderWith(t, { "secret.txt": "postgres://owner:hush@host/weir\n" });
  const env = { WEIR_DATABASE_URL_FILE: join(cwd, "secret.txt") };
  const config = loadConfig({ env, cwd });
  assert.equal(config.database.url, "postgres://owner:hush@host/weir");
  const printed = configYaml(withoutSecrets(config));
  assert.match(printed, /url: \(set\)/);
  assert.doesNotMatch(printed, /hush/);
  assert.match(
    messageFrom(() => loadConfig({ env: { WEIR_DATABASE_URL_FILE: join(cwd, "none") }, cwd })),
    /WEIR_DATABASE_URL_FILE: cannot read the file/,
  );
});

test("the demo is off in production, and enabling it by variable there is an error", () => {
  const production = { WEIR_ENV: "production" };
  assert.equal(loadConfig({ env: production, cwd: "/" }).demo.enabled, false);
  assert.match(
    messageFrom(() => loadConfig({ env: { ...production, WEIR_DEMO_ENABLED: "true" }, cwd: "/" })),
    /not available in production/,
  );
});
