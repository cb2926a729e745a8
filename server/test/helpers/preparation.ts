/** What is asked of an installation that lacks something: does it serve, what does it lack, does `weir migrate` complete it. */
import assert from "node:assert/strict";
import { openPool } from "../../src/adapters/postgres/pool.ts";
import { loadConfig } from "../../src/config/load.ts";
import { configuredUrls } from "../../src/process/databases.ts";
import { examinePreparation } from "../../src/process/examine-preparation.ts";
import type { ExternalPostgres } from "./external-postgres.ts";
import type { Installation } from "./production.ts";

export const serveAll = ["serve", "--parts", "http,etl,retention,stream", "--port", "0"];
export const ready = '"msg":"ready"';
const unprepared = 4;

/** A quiet machine needs 0.7 s, 0.4 of them for the start of Node.js; a busy one many times that. */
const patienceMs = 60_000;

/** By the command line: it says what is missing and what helps, ends with a code of its own, shows no password. */
export async function refused(
  installation: Installation,
  pattern: RegExp,
  env = {},
): Promise<void> {
  const { code, stdout, stderr, ms } = await installation.weir(serveAll, { env, until: ready });
  const said = stdout + stderr;
  assert.equal(code, unprepared, said);
  assert.match(stderr, pattern);
  assert.match(stderr, /-> /, "it names what helps");
  assert.doesNotMatch(said, /owner(?: |%20)&|app(?: |%20)%|in@gest|in%40gest/, "no password");
  assert.ok(ms < patienceMs, `refused after ${Math.round(ms)} ms`);
}

/** What `weir serve` and `weir doctor` find, without the start of a process. */
export async function problemsOf({ env }: Installation, more = {}): Promise<string> {
  const config = loadConfig({ env: { ...env, ...more }, cwd: env["WEIR_DATA_DIR"] ?? "" });
  const findings = await examinePreparation(config, configuredUrls(config) ?? {});
  return findings
    .flatMap(({ ok, check, detail }) => (ok ? [] : [`${check}: ${detail}`]))
    .join("\n");
}

export async function serves(installation: Installation, env = {}): Promise<void> {
  const { code, stdout, stderr } = await installation.weir(serveAll, { env, until: ready });
  assert.ok(stdout.includes(ready), `it serves:\n${stdout}${stderr}`);
  assert.equal(code, 0, stderr);
}

export async function migrates(installation: Installation, env = {}): Promise<string> {
  const { code, stdout, stderr } = await installation.weir(["migrate"], { env });
  assert.equal(code, 0, stdout + stderr);
  return stdout + stderr;
}

export async function adminKeys(postgres: ExternalPostgres, database: string): Promise<number> {
  await using pool = openPool({
    url: postgres.superuserUrl(database),
    applicationName: "test keys",
    max: 1,
  });
  const [row] = await pool.query<{ count: number }>({
    text: `select count(*)::int as count from auth.keys k join auth.services s on s.id = k.service_id
           where s.name = 'admin' and k.env = 'prod'`,
  });
  return row?.count ?? -1;
}
