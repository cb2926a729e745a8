/** Whether a database has everything that the parts need: checked by `weir serve` and `weir doctor`. */
import { isNewer } from "../adapters/postgres/functions.ts";
import { loginProblems } from "../adapters/postgres/logins.ts";
import { readSqlFiles, type SqlFiles } from "../adapters/postgres/migrate.ts";
import { openPool } from "../adapters/postgres/pool.ts";
import { missingRights } from "../adapters/postgres/rights.ts";
import type { Config } from "../config/schema.ts";
import { messageOf } from "../core/errors.ts";
import { DatabaseError, type Queryable } from "../core/ports/database.ts";
import { keyEnvironment } from "../parts/auth/administration.ts";
import { hadAdminKey } from "../parts/auth/bootstrap.ts";
import { readPolicies } from "../parts/auth/policies.ts";
import { missingRoles } from "../parts/auth/roles.ts";
import { clusterProblem } from "../parts/log/cluster.ts";
import { type DatabaseUrls, type Login, urlSettings } from "./databases.ts";
import type { Finding } from "./examine-machine.ts";
import { policiesFolder } from "./paths.ts";
import { version } from "./version.ts";

const migrateHint = "run `weir migrate` with the owner's WEIR_DATABASE_URL";

const roles: Readonly<Record<Login, string | undefined>> = {
  owner: undefined,
  app: "weir_app",
  ingest: "weir_ingest",
};

/**
 * The state of the preparation, as the given logins see it. It ends after the first group of checks
 * that fails, because the others would only repeat the cause.
 * @throws DatabaseError (retryable) while the database cannot be reached
 */
export async function examinePreparation(
  config: Config,
  urls: Partial<DatabaseUrls>,
): Promise<Finding[]> {
  const given = (Object.keys(roles) as Login[]).filter((login) => urls[login] !== undefined);
  const logins = await Promise.all(given.map((login) => examineLogin(login, urls[login] ?? "")));
  // the table of migrations is readable for these two
  const reader = urls.app ?? urls.owner;
  if (reader === undefined || logins.some(({ ok }) => !ok)) return logins;
  await using database = openPool({
    url: reader,
    applicationName: "weir check",
    max: 1,
    statementTimeoutMs: 10_000,
    // names in catalogs are shown as in server/sql/schema.sql
    settings: { search_path: "public" },
  });
  const checks: readonly (() => Promise<Finding[]>)[] = [
    () => examineServer(database),
    () => examineLogins(database),
    () => examineSqlFiles(database),
    () => examineRights(database, urls),
    () => examineCluster(database),
    () => examineRoles(database, config),
  ];
  const findings = logins;
  for (const check of checks) {
    findings.push(...(await refusedAsFinding(check)));
    if (findings.some(({ ok }) => !ok)) break;
  }
  return findings;
}

/** A right that is missing for the check itself is what the check looks for. */
async function refusedAsFinding(check: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await check();
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.retryable) throw error;
    return [{ check: "rights", ok: false, detail: messageOf(error), fix: migrateHint }];
  }
}

async function examineLogin(login: Login, url: string): Promise<Finding> {
  const role = roles[login];
  const check = `login ${login}`;
  const setting = urlSettings[login];
  await using database = openPool({ url, applicationName: "weir check", max: 1 });
  try {
    const [row] = await database.query<{ who: string }>({ text: "select current_user as who" });
    const who = row?.who ?? "?";
    return {
      check,
      ok: role === undefined || who === role,
      detail: `${setting} logs in as ${who}`,
      fix: `let ${setting} log in as ${role}, which has only the rights it needs`,
    };
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.retryable) throw error;
    return {
      check,
      ok: false,
      detail: `${setting}: ${error.message}`,
      fix: refusalFix(error, login),
    };
  }
}

function refusalFix({ code }: DatabaseError, login: Login): string {
  if (code === "3D000") return "create the database, then run `weir migrate`";
  if (login === "owner") return "correct WEIR_DATABASE_URL";
  return `run \`weir migrate\` with the same ${urlSettings[login]}: it creates the role and sets its password`;
}

async function examineServer(database: Queryable): Promise<Finding[]> {
  const [row] = await database.query<{ number: number; version: string }>({
    text: `select current_setting('server_version_num')::int as number,
             current_setting('server_version') as version`,
  });
  return [
    {
      check: "database",
      ok: (row?.number ?? 0) >= 180_000,
      detail: `PostgreSQL ${row?.version}`,
      fix: "Weir needs PostgreSQL 18",
    },
  ];
}

async function examineLogins(database: Queryable): Promise<Finding[]> {
  const problems = await loginProblems(database);
  const ok = problems.length === 0;
  const detail = ok ? "the roles are as they should be" : problems.join("; ");
  return [{ check: "logins", ok, detail, fix: migrateHint }];
}

async function examineSqlFiles(database: Queryable): Promise<Finding[]> {
  const [there] = await database.query<{ migrations: boolean; functions: boolean }>({
    text: `select to_regclass('public.weir_migrations') is not null as migrations,
             to_regclass('public.weir_functions') is not null as functions`,
  });
  const files = await readSqlFiles();
  const applied = there?.migrations ? await ledger(database, "migrations") : new Map();
  const functions = there?.functions ? await ledger(database, "functions") : new Map();
  const newer =
    newerMigration(files, applied) ??
    (there?.functions ? await newerFunction(database) : undefined);
  if (newer !== undefined) {
    return [
      {
        check: "migrations",
        ok: false,
        detail: `${newer}: the database is newer than this Weir ${version}`,
        fix: "start the version that migrated it",
      },
    ];
  }
  return [
    compared("migrations", files.migrations, applied),
    compared("functions", files.functions, functions),
  ];
}

type Ledger = ReadonlyMap<string, string>;

async function ledger(database: Queryable, name: "migrations" | "functions"): Promise<Ledger> {
  const rows = await database.query<{ name: string; checksum: string }>({
    text: `select name, checksum from public.weir_${name}`,
  });
  return new Map(rows.map((row) => [row.name, row.checksum]));
}

function newerMigration({ migrations }: SqlFiles, applied: Ledger): string | undefined {
  const known = new Set(migrations.map(({ name }) => name));
  const unknown = [...applied.keys()].find((name) => !known.has(name));
  return unknown === undefined ? undefined : `it has the migration ${unknown}`;
}

async function newerFunction(database: Queryable): Promise<string | undefined> {
  const rows = await database.query<{ name: string; version: string }>({
    text: "select distinct on (version) name, version from public.weir_functions",
  });
  const newer = rows.find((row) => isNewer(row.version, version));
  return newer && `Weir ${newer.version} applied its function ${newer.name}`;
}

function compared(
  check: "migrations" | "functions",
  files: readonly { readonly name: string; readonly checksum: string }[],
  applied: Ledger,
): Finding {
  const missing = files.filter(({ name, checksum }) => applied.get(name) !== checksum);
  const first = missing[0]?.name;
  const count = `${files.length - missing.length} of ${files.length}`;
  return {
    check,
    ok: first === undefined,
    detail: `${count} are those of this version${first === undefined ? "" : `; the first other one is ${first}`}`,
    fix: migrateHint,
  };
}

async function examineCluster(database: Queryable): Promise<Finding[]> {
  const problem = await clusterProblem(database);
  const detail = problem ?? "the positions of log readers are of this PostgreSQL cluster";
  return [{ check: "cluster", ok: problem === undefined, detail, fix: migrateHint }];
}

async function examineRights(database: Queryable, urls: Partial<DatabaseUrls>): Promise<Finding[]> {
  const missing = await missingRights(database);
  const [first] = missing;
  const rights: Finding = {
    check: "rights",
    ok: first === undefined,
    detail:
      first === undefined
        ? "the roles have the rights they need"
        : `${missing.length} missing; the first is: ${first.statement}`,
    fix: migrateHint,
  };
  return urls.owner === undefined ? [rights] : [rights, await examineOwner(urls.owner)];
}

/** Partitions are dropped by the owner of the tables; another administrator's login cannot. */
async function examineOwner(url: string): Promise<Finding> {
  await using database = openPool({ url, applicationName: "weir check", max: 1 });
  const [row] = await database.query<{ who: string; owner: string; owns: boolean }>({
    text: `select current_user as who, pg_get_userbyid(relowner) as owner,
             pg_has_role(current_user, relowner, 'usage') as owns
           from pg_class where oid = 'raw.events'::regclass`,
  });
  return {
    check: "owner",
    ok: row?.owns === true,
    detail: `the tables belong to ${row?.owner}, and WEIR_DATABASE_URL logs in as ${row?.who}`,
    fix: `let WEIR_DATABASE_URL log in as ${row?.owner}`,
  };
}

async function examineRoles(database: Queryable, config: Config): Promise<Finding[]> {
  const policies = await readPolicies(policiesFolder);
  const missing = await missingRoles(database, policies);
  const env = keyEnvironment(config.env);
  return [
    {
      check: "roles",
      ok: missing.length === 0,
      detail: missing.length === 0 ? "every role file is applied" : `no role ${missing.join(", ")}`,
      fix: migrateHint,
    },
    {
      check: "admin key",
      ok: await hadAdminKey(database, env),
      detail: `a first administrator key for WEIR_ENV=${config.env}`,
      fix: `run \`weir migrate\` with WEIR_ENV=${config.env}: it creates the key`,
    },
  ];
}
