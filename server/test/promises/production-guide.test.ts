/**
 * docs/guides/production.md against an external PostgreSQL 18: the commands as they are printed, from
 * an empty server to an event in the numbers. The units of systemd are read and started here.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { type Block, blocksOf } from "../../../scripts/markdown-blocks.ts";
import { createTestFolder } from "../../../testing/database.ts";
import { until } from "../../../testing/until.ts";
import { type ExternalPostgres, startExternalPostgres } from "../helpers/external-postgres.ts";

const root = join(import.meta.dirname, "../../..");
const guide = "docs/guides/production.md";
const blocks = blocksOf(guide, readFileSync(join(root, guide), "utf8"));
const commands = blocks.filter(({ words }) => words.includes("production"));
const units = blocks.filter(({ language }) => language === "ini");
const httpPort = 8080;

/** The places that the guide names, moved into a folder of the test. */
interface Machine {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly port: number;
  here(text: string): string;
}

async function prepareMachine(t: TestContext, postgres: ExternalPostgres): Promise<Machine> {
  const folder = await createTestFolder(t);
  const bin = join(folder, "bin");
  mkdirSync(bin);
  const main = join(root, "server/src/main.ts");
  for (const [name, program] of Object.entries({
    weir: main,
    psql: join(root, "server/test/helpers/psql.ts"),
  })) {
    const file = join(bin, name);
    writeFileSync(file, `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`);
    chmodSync(file, 0o755);
  }
  // a free port: the system chooses one for a moment, as for the database
  const port = postgres.port + 1;
  return {
    folder,
    port,
    env: { PATH: `${bin}:${process.env["PATH"]}`, ADMIN_URL: postgres.adminUrl, HOME: folder },
    here: (text) =>
      text
        .replaceAll("/usr/local/bin/weir", join(bin, "weir"))
        .replaceAll("/etc/weir", join(folder, "etc"))
        .replaceAll("/var/lib/weir", join(folder, "data"))
        .replaceAll("db.example.com:5432", `127.0.0.1:${postgres.port}`)
        .replaceAll(`127.0.0.1:${httpPort}`, `127.0.0.1:${port}`)
        .replaceAll(`--port ${httpPort}`, `--port ${port}`),
  };
}

/** One shell for the given blocks, which keeps its variables in a file for the next call. */
async function shell(machine: Machine, part: readonly Block[]): Promise<string> {
  const saved = join(machine.folder, "variables");
  const script = [
    `if [ -f "${saved}" ]; then . "${saved}"; fi`,
    ...part.map(({ text }) => machine.here(text)),
    // functions and variables of the session, as the reader's shell would keep them
    `export -p > "${saved}"`,
  ].join("\n");
  const { stdout, stderr } = await promisify(execFile)(
    "bash",
    ["--norc", "-euo", "pipefail", "-c", script],
    {
      cwd: machine.folder,
      env: machine.env,
      timeout: 120_000,
    },
  ).catch((error: Error & { stdout?: string; stderr?: string }) => {
    throw new Error(`${part.map(({ line }) => line).join(", ")}: ${error.stdout}\n${error.stderr}`);
  });
  return stdout + stderr;
}

interface Unit {
  readonly name: string;
  readonly environmentFiles: readonly string[];
  readonly command: string;
}

function unitOf({ words, text }: Block): Unit {
  const values = (key: string) =>
    [...text.matchAll(new RegExp(`^${key}=(.*)$`, "gm"))].map(([, value = ""]) => value);
  const [command = ""] = values("ExecStart");
  return { name: words[0] ?? "", environmentFiles: values("EnvironmentFile"), command };
}

/** As systemd starts it: only the variables of its files. */
function startUnit(t: TestContext, machine: Machine, unit: Unit) {
  const variables = unit.environmentFiles.flatMap((file) =>
    readFileSync(machine.here(file), "utf8").trim().split("\n"),
  );
  const environment = Object.fromEntries(
    variables.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
  const [program = "", ...parameters] = machine.here(unit.command).split(" ");
  const child: ChildProcess = spawn(program, parameters, {
    cwd: machine.folder,
    env: { PATH: machine.env["PATH"], ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      output += chunk;
    });
  }
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  t.after(async () => {
    child.kill("SIGTERM");
    await exited;
  });
  return { child, environment, output: () => output, exited };
}

test("the production guide leads from an empty PostgreSQL to an event in the numbers", async (t) => {
  const postgres = await startExternalPostgres(t, { fsync: "on", full_page_writes: "on" });
  const machine = await prepareMachine(t, postgres);
  assert.ok(commands.length >= 5 && units.length === 3, "blocks of the guide");
  const isAfterStart = ({ text }: Block) => text.includes("WEIR_URL");
  const place = commands.findIndex(isAfterStart);
  const set = await shell(machine, commands.slice(0, place));
  assert.match(set, /ok {3}admin key/);
  assert.doesNotMatch(set, /weir_prod_|postgresql:/, "no secret is printed");
  const key = join(machine.folder, "etc/admin.key");
  assert.equal(statSync(key).mode & 0o777, 0o600);

  const running = units.map(unitOf).map((unit) => startUnit(t, machine, unit));
  const [http] = running;
  assert.ok(http && !("WEIR_DATABASE_URL" in http.environment), "no owner's password in http");
  await until(() => running.every(({ output }) => output().includes('"ready"')), {
    what: () => running.map(({ output }) => output()).join("\n"),
  });
  const said = await shell(machine, commands.slice(place));
  assert.match(said, /"verdict":"accepted"/);
  assert.match(said, /"current"/);

  const admin = readFileSync(key, "utf8").trim();
  await until(() => isCounted(machine.port, admin), { what: "the event in the overview" });

  await t.test("a second migrate changes nothing and makes no second key", async () => {
    const again = await shell(machine, commands.slice(2, 3));
    assert.match(again, /The database is up to date/);
    assert.equal(readFileSync(key, "utf8").trim(), admin);
    const database = postgres.superuserUrl("weir");
    assert.equal(await countAdminKeys(database), 1);
  });

  await t.test("each part logs in with its own role", async () => {
    const seen = new Set<string>();
    await until(
      async () => {
        const rows = await postgres.superuser.query<{ name: string }>({
          text: "select distinct usename as name from pg_stat_activity where datname = 'weir' and usename is not null",
        });
        for (const { name } of rows) seen.add(name);
        return seen.size >= 3;
      },
      { what: () => `three logins: ${[...seen].join(", ")}` },
    );
    assert.deepEqual([...seen].toSorted(), ["weir_app", "weir_ingest", "weir_owner"]);
  });
});

async function isCounted(port: number, key: string): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/analytics/overview`, {
    headers: { "X-API-Key": key },
    signal: AbortSignal.timeout(5_000),
  });
  const { current } = (await answer.json()) as { current: { purchases: number; revenue: unknown } };
  if (current.purchases === 0) return false;
  assert.equal(current.purchases, 1);
  assert.deepEqual(current.revenue, [{ currency: "EUR", amount: "9.5" }]);
  return true;
}

async function countAdminKeys(url: string): Promise<number> {
  const { openPool } = await import("../../src/adapters/postgres/pool.ts");
  await using database = openPool({ url, applicationName: "test", max: 1 });
  const [row] = await database.query<{ count: number }>({
    text: `select count(*)::int as count from auth.keys k join auth.services s on s.id = k.service_id
           where s.name = 'admin'`,
  });
  return row?.count ?? -1;
}
