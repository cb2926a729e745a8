/**
 * Everything that a database needs before parts can run on it: logins, tables, functions, rights, roles
 * of services and the first administrator key. Each step can be repeated, so an interrupted
 * preparation is completed by the next.
 */
import { randomBytes } from "node:crypto";
import {
  ensureLogins,
  type LoginName,
  type LoginSetup,
  loginNames,
} from "../adapters/postgres/logins.ts";
import { type Migrated, migrate } from "../adapters/postgres/migrate.ts";
import { openPool, type Pool } from "../adapters/postgres/pool.ts";
import { restoreRights } from "../adapters/postgres/rights.ts";
import type { Config } from "../config/schema.ts";
import { DatabaseError, type Queryable } from "../core/ports/database.ts";
import { keyEnvironment } from "../parts/auth/administration.ts";
import {
  type EnsuredKey,
  ensureAdminKey,
  ensureMetricsKey,
  type FirstKey,
} from "../parts/auth/bootstrap.ts";
import { readPolicies } from "../parts/auth/policies.ts";
import { type AppliedPolicies, applyPolicies } from "../parts/auth/roles.ts";
import { untilConnected } from "./databases.ts";
import { metricsKeyOf } from "./first-key.ts";
import { policiesFolder } from "./paths.ts";
import { version } from "./version.ts";

export interface Prepared extends Migrated {
  /** What was done to the logins. */
  readonly logins: readonly string[];
  /** Number of rights that were missing. */
  readonly rights: number;
  readonly policies: AppliedPolicies;
  readonly adminKey: EnsuredKey;
}

interface PrepareOptions {
  readonly config: Config;
  /** URL of the owner of the database. */
  readonly owner: string;
  readonly firstKey: FirstKey;
  /** Called when only the key is left to do, and so before it is delivered. */
  readonly onPrepared?: (done: Omit<Prepared, "adminKey">) => void;
  /** A line for each step that changed something. */
  readonly log?: (message: string) => void;
}

/**
 * Prepares an empty database, or one that an older Weir or an interrupted preparation left. Several
 * processes may call it at once: one does the work, the others wait and find nothing to do.
 * @throws Error that names a missing right of the owner, and when the database is newer than this Weir
 */
export async function prepareDatabase(options: PrepareOptions): Promise<Prepared> {
  const { config, owner, firstKey, log = () => {} } = options;
  const roles = await readPolicies(policiesFolder);
  await using database = openPool({ url: owner, applicationName: "weir prepare", max: 2 });
  await untilConnected(database, log);
  // awaited here, because the pool closes at the end of this function
  return await database.transaction(
    async (connection) => {
      await beOnlyOne(connection, log);
      await demandOwner(database);
      const logins = await ensureLogins(database, loginSetup(config));
      for (const done of logins) log(done);
      const migrated = await migrate({ url: owner, version, log });
      const rights = await restoreRights(database);
      if (rights > 0) log(`restored ${rights} rights of Weir's roles`);
      const setup = { database, env: keyEnvironment(config.env), random: randomBytes };
      const policies = await applyPolicies(setup, roles);
      if (policies.changed.length > 0) log(`applied the roles ${policies.changed.join(", ")}`);
      const done = { ...migrated, logins, rights, policies };
      options.onPrepared?.(done);
      const adminKey = await ensureAdminKey(setup, firstKey);
      const metrics = metricsKeyOf(config);
      if (metrics !== undefined) {
        const { warning } = await ensureMetricsKey(setup, metrics);
        if (warning !== undefined) log(`warning: ${warning}`);
      }
      return { ...done, adminKey };
    },
    { timeoutMs: preparationMs },
  );
}

/** The lock ends with the transaction, also when this process dies. */
async function beOnlyOne(connection: Queryable, log: (message: string) => void): Promise<void> {
  await connection.query({
    text: "set local lock_timeout = 0; set local idle_in_transaction_session_timeout = 0",
  });
  const [row] = await connection.query<{ alone: boolean }>({
    text: "select pg_try_advisory_xact_lock(hashtext('weir.prepare')) as alone",
  });
  if (row?.alone === true) return;
  log("another process is preparing this database; waiting for it");
  await connection.query(
    { text: "select pg_advisory_xact_lock(hashtext('weir.prepare'))" },
    { timeoutMs: preparationMs },
  );
}

/** A migration that rewrites a large table takes minutes. */
const preparationMs = 3_600_000;

/** @throws Error when the login may not create Weir's schemas */
async function demandOwner(database: Pool): Promise<void> {
  const [row] = await database.query<{
    who: string;
    name: string;
    number: number;
    version: string;
    may_create: boolean;
  }>({
    text: `select current_user as who, current_database() as name,
             current_setting('server_version_num')::int as number,
             current_setting('server_version') as version,
             has_database_privilege(current_database(), 'create')
               and has_schema_privilege('public', 'create') as may_create`,
  });
  if (row === undefined) throw new Error("the database returned no row");
  if (row.number < 180_000) {
    throw new Error(`Weir needs PostgreSQL 18, and this is ${row.version}`);
  }
  if (!row.may_create) {
    throw new Error(
      `"${row.who}" may not create schemas in the database "${row.name}". Log in as its owner, or let an ` +
        `administrator run: alter database ${row.name} owner to ${row.who}`,
    );
  }
}

function loginSetup({ database, spark, engine }: Config): LoginSetup {
  const usesSpark = spark.enabled || engine.windows === "spark";
  const urls: Readonly<Record<LoginName, string | null>> = {
    weir_app: database.app_url,
    weir_ingest: database.ingest_url,
    weir_spark: database.spark_url,
  };
  const passwords = loginNames.flatMap((name) => {
    const password = passwordOf(urls[name], name);
    return password === undefined ? [] : [[name, password]];
  });
  return {
    passwords: Object.fromEntries(passwords),
    actAs: loginNames.filter((name) => urls[name] === null && (name !== "weir_spark" || usesSpark)),
    accepts: async (name) => {
      const url = urls[name];
      return url !== null && (await isAccepted(url));
    },
  };
}

const refusedLogin = new Set(["28P01", "28000"]);

/** Whether the login is right, even if it may not connect to the database yet. */
async function isAccepted(url: string): Promise<boolean> {
  await using pool = openPool({ url, applicationName: "weir migrate login", max: 1 });
  try {
    await pool.query({ text: "select" });
    return true;
  } catch (error) {
    return error instanceof DatabaseError && !error.retryable && !refusedLogin.has(error.code);
  }
}

/** The password in the URL, when it is the role's own. */
function passwordOf(url: string | null, role: LoginName): string | undefined {
  if (url === null) return undefined;
  const { username, password } = new URL(url);
  // poolers and some services add a suffix to the name: weir_app.project, weir_app@server
  const name = decodeURIComponent(username).split(/[.@]/)[0];
  return password === "" || name !== role ? undefined : decodeURIComponent(password);
}
