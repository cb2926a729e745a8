import { hole } from "./literals.ts";

/** `read`: named in a statement; `write`: the target of one that changes it; `call`: a function. */
export type AccessKind = "read" | "write" | "call";

export interface Access {
  readonly kind: AccessKind;
  readonly schema: string;
  /** `raw.events` */
  readonly object: string;
}

/** What the database holds, from the dumped schema. */
export interface Catalog {
  readonly schemas: readonly string[];
  /** Tables, views, sequences and types. */
  readonly relations: ReadonlySet<string>;
  readonly functions: ReadonlySet<string>;
}

export function readCatalog(schemaSql: string): Catalog {
  const names = (pattern: RegExp): string[] =>
    [...schemaSql.matchAll(pattern)].map(([, name = ""]) => name);
  return {
    schemas: names(/^create schema (\w+);/gm),
    relations: new Set(
      names(/^create (?:unlogged )?(?:table|view|sequence|type|domain) (\w+\.\w+)/gm),
    ),
    functions: new Set(names(/^CREATE OR REPLACE (?:FUNCTION|PROCEDURE) (\w+\.\w+)\(/gm)),
  };
}

/**
 * The objects that a text names. Only what the database holds counts, so that `dlq.get` in a permission is
 * none; a name completed at run time (`raw.%I`, a hole) counts where a statement expects a table.
 */
export function accessesIn(text: string, catalog: Catalog): Access[] {
  const sql = withoutComments(text);
  const pattern = new RegExp(
    String.raw`(?<![\w.$/-])(${catalog.schemas.join("|")})\.(\w+|%I|${hole})(\s*\()?`,
    "g",
  );
  const found: Access[] = [];
  for (const { 1: schema = "", 2: name = "", 3: parenthesis, index } of sql.matchAll(pattern)) {
    const object = `${schema}.${name}`;
    const before = sql.slice(0, index);
    if (parenthesis !== undefined && catalog.functions.has(object)) {
      found.push({ kind: "call", schema, object });
    } else if (isRelation(object, catalog) || (/\W/.test(name) && tableFollows.test(before))) {
      found.push({ kind: changes.test(before) ? "write" : "read", schema, object });
    }
  }
  return found;
}

/** A table, or one of its partitions: `raw.events_20240115`. */
function isRelation(object: string, { relations }: Catalog): boolean {
  return relations.has(object) || relations.has(object.replace(/_\d*$/, ""));
}

const tableFollows = /\b(from|join|into|update|table|partition|exists)\s+$/i;

const changes =
  /\b(insert\s+into|update|delete\s+from|merge\s+into|truncate(\s+table)?|lock\s+table|(alter|drop|create)\s+table(\s+if\s+(not\s+)?exists)?)\s+(only\s+)?$/i;

/** `--` within a quoted text is no comment. */
function withoutComments(sql: string): string {
  return sql.replace(
    /('(?:[^'\n]|'')*')|--.*|\/\*[\s\S]*?\*\//g,
    (_, quoted: string | undefined) => (quoted === undefined ? " " : quoted),
  );
}
