import type { Queryable } from "../../core/ports/database.ts";
import { dumpGrants, dumpRoles, ours } from "./dump-grants.ts";

/**
 * Dumps what the migrations created, from the catalogs, in a fixed order, so that a change of the
 * schema can be read as a diff. Partitions of single days are left out: they are created and dropped as time passes.
 * Throws on kinds of objects that it does not support, rather than silently leaving them out.
 */
export async function dumpSchema(database: Queryable): Promise<string> {
  await refuseUnknown(database);
  const sections: string[] = [
    "-- What the migrations create; written by dump-schema.test.ts, compared in every test run. Do not edit.",
    await dumpRoles(database),
  ];
  for (const schema of await names(database, schemas)) {
    sections.push(
      `\n-- ${schema} ${"-".repeat(Math.max(1, 96 - schema.length))}\ncreate schema ${schema};`,
    );
    for (const query of [types, sequences])
      sections.push(...(await names(database, query, schema)));
    sections.push(...(await dumpTables(database, schema)));
    for (const query of [views, functions, comments])
      sections.push(...(await names(database, query, schema)));
  }
  sections.push(await dumpGrants(database));
  return `${sections.filter((section) => section !== "").join("\n\n")}\n`;
}

async function names(database: Queryable, text: string, schema?: string): Promise<string[]> {
  const values = schema === undefined ? [] : [schema];
  const rows = await database.query<{ name: string }>({ text, values });
  return rows.map((row) => row.name.trimEnd());
}

/** `events_20240115`; and in names of their indexes and constraints. */
const dated = String.raw`\d{8}`;

const schemas = `select n.nspname as name from pg_namespace n where ${ours} order by n.nspname collate "C"`;

const unknown = `
  select format('%s %s', c.relkind, c.oid::regclass) as name
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where ${ours} and c.relkind not in ('r', 'p', 'i', 'I', 'S', 'v', 't', 'c')
  union all
  select format('%s %s', p.prokind, p.oid::regprocedure)
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where ${ours} and p.prokind not in ('f', 'p')
  union all
  select format('%s %s', t.typtype, t.oid::regtype)
  from pg_type t join pg_namespace n on n.oid = t.typnamespace
  where ${ours} and t.typtype not in ('e', 'c', 'b', 'd')
  union all
  select format('rights on column %s.%s', a.attrelid::regclass, a.attname)
  from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
  where ${ours} and a.attacl is not null
  union all
  select format('policy %s', pol.polname) from pg_policy pol
  union all
  select format('rule %s', r.rulename) from pg_rewrite r join pg_class c on c.oid = r.ev_class
  join pg_namespace n on n.oid = c.relnamespace where ${ours} and c.relkind not in ('v', 'm')`;

async function refuseUnknown(database: Queryable): Promise<void> {
  const found = await names(database, unknown);
  if (found.length > 0) {
    throw new Error(`dump-schema.ts does not support: ${found.join(", ")}`);
  }
}

const types = `
  select case t.typtype
    when 'e' then format('create type %s as enum (%s);', t.oid::regtype,
      (select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
       from pg_enum e where e.enumtypid = t.oid))
    when 'd' then format('create domain %s as %s%s%s;', t.oid::regtype,
      format_type(t.typbasetype, t.typtypmod),
      coalesce(' default ' || t.typdefault, ''),
      (select string_agg(format(E'\\n  constraint %I %s', k.conname, pg_get_constraintdef(k.oid)), ''
         order by k.conname collate "C")
       from pg_constraint k where k.contypid = t.oid))
    else format('create type %s as (%s);', t.oid::regtype,
      (select string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' order by a.attnum)
       from pg_attribute a where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped))
  end as name
  from pg_type t left join pg_class c on c.oid = t.typrelid
  where t.typnamespace = $1::regnamespace and (t.typtype in ('e', 'd') or c.relkind = 'c')
  order by t.typname collate "C"`;

const sequences = `
  select format('create sequence %s as %s increment %s minvalue %s maxvalue %s start %s cache %s%s;',
    c.oid::regclass, format_type(s.seqtypid, null), s.seqincrement, s.seqmin, s.seqmax, s.seqstart,
    s.seqcache, case when s.seqcycle then ' cycle' else '' end) as name
  from pg_class c join pg_sequence s on s.seqrelid = c.oid
  where c.relnamespace = $1::regnamespace
    and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'i')
  order by c.relname collate "C"`;

interface TableRow {
  readonly id: number;
  readonly name: string;
  readonly unlogged: boolean;
  readonly parent: string | null;
  readonly bound: string | null;
  readonly partition_key: string | null;
  readonly options: string | null;
}

const tables = `
  select c.oid as id, c.oid::regclass::text as name, c.relpersistence = 'u' as unlogged,
    h.inhparent::regclass::text as parent, pg_get_expr(c.relpartbound, c.oid) as bound,
    pg_get_partkeydef(c.oid) as partition_key,
    (select string_agg(o, ', ' order by o collate "C") from unnest(c.reloptions) o) as options
  from pg_class c left join pg_inherits h on h.inhrelid = c.oid
  where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p')
    and not (c.relispartition and c.relname ~ '_${dated}$')
  order by c.relname collate "C"`;

/** Columns and constraints of tables; not those that a partition has from its parent. */
const tableLines = `
  select id, line from (
    select a.attrelid as id, 1 as part, a.attnum::int as place, '' as key,
      format('  %I %s%s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
        case when a.attcollation <> t.typcollation
          then (select format(' collate %I', l.collname) from pg_collation l where l.oid = a.attcollation)
          else '' end,
        case when a.attnotnull then ' not null' else '' end,
        case
          when a.attidentity = 'a' then ' generated always as identity'
          when a.attidentity = 'd' then ' generated by default as identity'
          when a.attgenerated = 's' then format(' generated always as (%s) stored', pg_get_expr(d.adbin, d.adrelid))
          when a.attgenerated = 'v' then format(' generated always as (%s) virtual', pg_get_expr(d.adbin, d.adrelid))
          when d.adbin is not null then format(' default %s', pg_get_expr(d.adbin, d.adrelid))
          else '' end) as line
    from pg_attribute a join pg_type t on t.oid = a.atttypid
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = any($1::oid[]) and a.attnum > 0 and not a.attisdropped and a.attislocal
    union all
    select k.conrelid, 2, 0, k.conname, format('  constraint %I %s', k.conname, pg_get_constraintdef(k.oid))
    from pg_constraint k
    where k.conrelid = any($1::oid[]) and k.contype in ('p', 'u', 'f', 'c', 'x') and k.conislocal and k.conparentid = 0
  ) lines order by part, place, key collate "C"`;

const tableFollowers = `
  select id, line from (
    select i.indrelid as id, 1 as part, i.indexrelid::regclass::text as key, pg_get_indexdef(i.indexrelid) || ';' as line
    from pg_index i
    where i.indrelid = any($1::oid[])
      and not exists (select from pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x'))
      and not exists (select from pg_inherits h where h.inhrelid = i.indexrelid)
    union all
    select g.tgrelid, 2, g.tgname, pg_get_triggerdef(g.oid) || ';'
    from pg_trigger g where g.tgrelid = any($1::oid[]) and not g.tgisinternal and g.tgparentid = 0
    union all
    select e.stxrelid, 3, e.stxname, pg_get_statisticsobjdef(e.oid) || ';' from pg_statistic_ext e where e.stxrelid = any($1::oid[])
    union all
    select a.attrelid, 4, a.attname, format('alter table %s alter column %I set statistics %s;', a.attrelid::regclass, a.attname, a.attstattarget)
    from pg_attribute a where a.attrelid = any($1::oid[]) and a.attstattarget >= 0
    union all
    select a.attrelid, 5, a.attname, format('alter table %s alter column %I set storage %s;', a.attrelid::regclass, a.attname,
      case a.attstorage when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main' else 'extended' end)
    from pg_attribute a join pg_type t on t.oid = a.atttypid
    where a.attrelid = any($1::oid[]) and a.attnum > 0 and not a.attisdropped and a.attstorage <> t.typstorage
    union all
    select i.indrelid, 6, format('%s %s', i.indexrelid::regclass, a.attnum),
      format('alter index %s alter column %s set statistics %s;', i.indexrelid::regclass, a.attnum, a.attstattarget)
    from pg_index i join pg_attribute a on a.attrelid = i.indexrelid
    where i.indrelid = any($1::oid[]) and a.attstattarget >= 0
  ) lines order by part, key collate "C"`;

/** The lines of all tables at once, by table. */
async function linesByTable(
  database: Queryable,
  text: string,
  ids: readonly number[],
): Promise<Map<number, string[]>> {
  const rows = await database.query<{ id: number; line: string }>({ text, values: [ids] });
  const lines = new Map<number, string[]>();
  for (const { id, line } of rows) lines.set(id, [...(lines.get(id) ?? []), line]);
  return lines;
}

async function dumpTables(database: Queryable, schema: string): Promise<string[]> {
  const found = await database.query<TableRow>({ text: tables, values: [schema] });
  const ids = found.map((table) => table.id);
  const inside = await linesByTable(database, tableLines, ids);
  const after = await linesByTable(database, tableFollowers, ids);
  return found.map((table) =>
    [createTable(table, inside.get(table.id) ?? []), ...(after.get(table.id) ?? [])].join("\n"),
  );
}

function createTable(table: TableRow, inside: readonly string[]): string {
  const parts = [
    `create ${table.unlogged ? "unlogged " : ""}table ${table.name}`,
    ...(table.parent === null ? [] : [`partition of ${table.parent}`]),
    ...(inside.length === 0 ? [] : [`(\n${inside.join(",\n")}\n)`]),
    ...(table.bound === null ? [] : [table.bound.toLowerCase()]),
    ...(table.partition_key === null ? [] : [`partition by ${table.partition_key}`]),
    ...(table.options === null ? [] : [`with (${table.options})`]),
  ];
  return `${parts.join(" ")};`;
}

const views = `
  select format(E'create view %s%s as\\n%s', c.oid::regclass,
    ' with (' || array_to_string(c.reloptions, ', ') || ')',
    pg_get_viewdef(c.oid, true)) as name
  from pg_class c where c.relnamespace = $1::regnamespace and c.relkind = 'v'
  order by c.relname collate "C"`;

const functions = `
  select rtrim(pg_get_functiondef(p.oid), E'\\n') || ';' as name
  from pg_proc p where p.pronamespace = $1::regnamespace
  order by p.proname collate "C", pg_get_function_identity_arguments(p.oid) collate "C"`;

const comments = `
  select format('comment on %s %s is %L;', replace(i.type, 'table column', 'column'), i.identity, d.description) as name
  from pg_description d, pg_identify_object(d.classoid, d.objoid, d.objsubid) i
  where d.objoid >= 16384 and split_part(i.identity, '.', 1) = quote_ident($1)
  order by i.type collate "C", i.identity collate "C"`;
