/**
 * What Weir's roles may do, as the migrations and function files grant it: the section "Rights" of
 * `server/sql/schema.sql`. Compared with the database, it shows what is missing after a restore on
 * another server, or after a right was revoked.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Database, Queryable } from "../../core/ports/database.ts";
import { grantStatements } from "./dump-grants.ts";
import { loginNames } from "./logins.ts";
import { sqlFolder } from "./migrate.ts";

/** The ledgers that a process compares at its start, and the door to the database itself. */
const ledgers = ["public.weir_migrations", "public.weir_functions"] as const;

interface Right {
  /** `grant select on table raw.events to weir_app` */
  readonly statement: string;
  readonly kind: string | undefined;
  readonly object: string | undefined;
  readonly role: string | undefined;
}

/** Gives the roles of Weir every right that is missing, in one transaction; resolves with their number. */
export async function restoreRights(owner: Database): Promise<number> {
  const missing = await missingRights(owner);
  await owner.transaction(async (connection) => {
    const [row] = await connection.query<{ name: string }>({
      text: "select quote_ident(current_database()) as name",
    });
    await connection.query({
      text: `grant connect on database ${row?.name} to ${loginNames.join(", ")}`,
    });
    await connection.query({
      text: `grant select on ${ledgers.join(", ")} to weir_app`,
    });
    for (const right of missing) {
      // the dump calls procedures functions too
      await connection.query({ text: right.statement.replace(" on function ", " on routine ") });
      await grantOnPartitions(connection, right);
    }
  });
  return missing.length;
}

/** Rights that the database lacks. Objects that do not exist are not rights but missing migrations. */
export async function missingRights(database: Queryable): Promise<Right[]> {
  const wanted = await readRights();
  const present = new Set((await grantStatements(database)).flatMap(singleRights));
  const missing = wanted.filter(({ statement }) =>
    singleRights(`${statement};`).some((right) => !present.has(right)),
  );
  if (missing.length === 0) return [];
  const rows = await database.query<{ there: boolean }>({
    text: `select case kind
             when 'schema' then to_regnamespace(object) is not null
             when 'function' then to_regprocedure(object) is not null
             when 'table' then to_regclass(object) is not null
             when 'sequence' then to_regclass(object) is not null
             else true end as there
           from unnest($1::text[], $2::text[]) with ordinality t (kind, object, place) order by place`,
    values: [missing.map(({ kind }) => kind ?? ""), missing.map(({ object }) => object ?? "")],
  });
  return missing.filter((_, index) => rows[index]?.there === true);
}

/** One for each privilege of the statement: an administrator may have granted more than Weir needs. */
function singleRights(statement: string): string[] {
  const [, before, privileges = "", on] = /^(.*?)grant (.+?)( on .*)$/.exec(statement) ?? [];
  if (on === undefined) return [statement];
  return privileges.split(", ").map((privilege) => `${before}grant ${privilege}${on}`);
}

async function readRights(): Promise<Right[]> {
  const text = await readFile(join(sqlFolder, "schema.sql"), "utf8");
  return text
    .slice(text.indexOf("\n-- Rights "))
    .split("\n")
    .filter((line) => /^(grant|alter default privileges) .*;$/.test(line))
    .map((line) => {
      const statement = line.slice(0, -1);
      const [, kind, object, role] =
        /^grant .* on (schema|table|sequence|function) (.+) to (\w+)$/.exec(statement) ?? [];
      return { statement, kind, object, role };
    });
}

/** Partitions of single days get their rights when they are created, from the default privileges. */
async function grantOnPartitions(connection: Queryable, right: Right): Promise<void> {
  if (right.kind !== "table" || right.object === undefined) return;
  const partitions = await connection.query<{ name: string }>({
    text: `select relid::text as name from pg_partition_tree($1::regclass)
           where relid <> $1::regclass`,
    values: [right.object],
  });
  for (const { name } of partitions) {
    await connection.query({
      text: right.statement.replace(` on table ${right.object} `, ` on table ${name} `),
    });
  }
}
