/**
 * Each database function has its own file: `server/sql/functions/<schema>/<name>.sql` holds its
 * current text. `migrate` applies a file when its hash differs from the one recorded in the database.
 * Rules for changing one: docs/decisions/0023-functions-in-files.md.
 */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type pg from "pg";

export interface SqlFunction {
  /** `etl.step`; the file may define several signatures of it. */
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the file, in hex. */
  readonly checksum: string;
}

export interface FunctionChanges {
  /** Names of the functions whose file was applied. */
  readonly applied: readonly string[];
  /** Applied earlier, now without a file, and still in the database: a migration has to drop them. */
  readonly orphaned: readonly string[];
}

/** In the order of their names; rejects when a file does not define what its path says. */
export async function readFunctions(folder: string): Promise<SqlFunction[]> {
  const functions: SqlFunction[] = [];
  for (const path of (await readdir(folder, { recursive: true })).sort()) {
    if (!path.endsWith(".sql")) continue;
    const [, schema, name] = /^([a-z_]+)[\\/]([a-z0-9_]+)\.sql$/.exec(path) ?? [];
    if (schema === undefined || name === undefined) {
      throw new Error(`functions/${path} is not named like functions/<schema>/<name>.sql.`);
    }
    const sql = await readFile(join(folder, path), "utf8");
    refuseOtherObjects(`${schema}.${name}`, sql);
    const checksum = createHash("sha256").update(sql).digest("hex");
    functions.push({ name: `${schema}.${name}`, sql, checksum });
  }
  return functions;
}

function refuseOtherObjects(name: string, sql: string): void {
  const created = [...sql.matchAll(/^create\s+(.*?)\(/gim)].map(([, what]) => what?.trim());
  const allowed = [`or replace function ${name}`, `or replace procedure ${name}`];
  if (created.length === 0 || created.some((what) => !allowed.includes(what ?? ""))) {
    throw new Error(
      `${fileOf(name)} must hold "create or replace function ${name}(...)", or procedure, and create nothing else.`,
    );
  }
}

/**
 * Applies the files that changed, all in one transaction: an error in one leaves every function
 * unchanged. The caller holds the lock of `migrate`.
 *
 * @param version of this program: it refuses to replace a function that a newer one has applied
 */
export async function applyFunctions(
  client: pg.Client,
  functions: readonly SqlFunction[],
  version: string,
): Promise<FunctionChanges> {
  await client.query(
    `create table if not exists public.weir_functions (
       name text primary key,
       checksum text not null,
       applied_at timestamptz not null default now(),
       -- of the Weir that applied it
       version text not null
     )`,
  );
  const { rows } = await client.query<Recorded>(recorded);
  const known = new Map(rows.map((row) => [row.name, row]));
  const changed = functions.filter(({ name, checksum }) => {
    const row = known.get(name);
    return row?.checksum !== checksum || !row.present;
  });
  for (const { name } of changed) refuseNewer(known.get(name), version);
  if (changed.length > 0) await applyAll(client, changed, version);

  const files = new Set(functions.map(({ name }) => name));
  const others = rows.filter((row) => !files.has(row.name) && !isNewer(row.version, version));
  const gone = others.filter(({ present }) => !present).map(({ name }) => name);
  if (gone.length > 0) {
    await client.query("delete from public.weir_functions where name = any ($1)", [gone]);
  }
  return {
    applied: changed.map(({ name }) => name),
    orphaned: others.filter(({ present }) => present).map(({ name }) => name),
  };
}

interface Recorded {
  readonly name: string;
  readonly checksum: string;
  readonly version: string;
  readonly present: boolean;
}

const recorded = `
  select f.name, f.checksum, f.version, exists (
    select from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname = split_part(f.name, '.', 1) and p.proname = split_part(f.name, '.', 2)
  ) as present
  from public.weir_functions f order by f.name`;

function refuseNewer(row: Recorded | undefined, version: string): void {
  if (row !== undefined && isNewer(row.version, version)) {
    throw new Error(
      `Function ${row.name} was applied to this database by Weir ${row.version}: the database is newer than this Weir (${version}).`,
    );
  }
}

/** Whether `version` is newer than `than`, by their first three numbers. */
export function isNewer(version: string, than: string): boolean {
  const [left, right] = [version, than].map((text) =>
    text.split(".").map((part) => parseInt(part, 10)),
  );
  for (let place = 0; place < 3; place += 1) {
    const difference = (left?.[place] ?? 0) - (right?.[place] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return false;
}

/**
 * Twice: a body in `language sql` is checked when it is created, and may call a function that a later
 * file creates. Between the two passes, rights are reset, so that only the default privileges of the schema and
 * the file's own grants decide who may call what.
 */
async function applyAll(
  client: pg.Client,
  changed: readonly SqlFunction[],
  version: string,
): Promise<void> {
  const names = changed.map(({ name }) => name);
  try {
    await client.query("begin; set local check_function_bodies = off");
    for (const file of changed) await applyFile(client, file);
    const { rows } = await client.query<{ statement: string }>(resetRights, [names]);
    for (const { statement } of rows) await client.query(statement);
    await client.query("set local check_function_bodies = on");
    for (const file of changed) await applyFile(client, file);
    await client.query(
      `insert into public.weir_functions (name, checksum, version)
       select t.name, t.checksum, $3 from unnest($1::text[], $2::text[]) t (name, checksum)
       on conflict (name) do update
       set checksum = excluded.checksum, applied_at = excluded.applied_at, version = excluded.version`,
      [names, changed.map(({ checksum }) => checksum), version],
    );
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => {});
    throw error;
  }
}

async function applyFile(client: pg.Client, { name, sql }: SqlFunction): Promise<void> {
  try {
    await client.query(sql);
  } catch (error) {
    throw new Error(`${fileOf(name)} failed${describeFailure(error, sql)}`, { cause: error });
  }
}

/** ` (line 3): syntax error at or near "selec"`, with PostgreSQL's hint when it has one. */
export function describeFailure(error: unknown, sql: string): string {
  const { message, position, hint } = error as Error & { position?: string; hint?: string };
  const line =
    position === undefined ? "" : ` (line ${sql.slice(0, Number(position)).split("\n").length})`;
  return `${line}: ${message}${hint === undefined ? "" : ` (${hint})`}`;
}

function fileOf(name: string): string {
  return `functions/${name.replace(".", "/")}.sql`;
}

/** Statements that give every signature of the named functions the rights of a new function. */
const resetRights = `
  with found as (
    select p.oid::regprocedure as signature, p.proowner as owner, n.oid as schema,
      coalesce(p.proacl, acldefault('f', p.proowner)) as rights
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname || '.' || p.proname = any ($1)
  ), usual as (
    select f.*, coalesce((
        select d.defaclacl from pg_default_acl d
        where d.defaclobjtype = 'f' and d.defaclrole = f.owner and d.defaclnamespace = 0
      ), acldefault('f', f.owner)) || coalesce((
        select d.defaclacl from pg_default_acl d
        where d.defaclobjtype = 'f' and d.defaclrole = f.owner and d.defaclnamespace = f.schema
      ), '{}') as defaults
    from found f
  ), statements as (
    select 1 as step, signature, x.grantee, 'revoke all on routine %s from %s' as template
    from usual cross join lateral aclexplode(rights) x where x.grantee <> owner
    union
    select 2, signature, x.grantee, 'grant execute on routine %s to %s'
    from usual cross join lateral aclexplode(defaults) x where x.grantee <> owner
  )
  select format(template, signature,
    case when grantee = 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end) as statement
  from statements order by step`;
