import type { Queryable } from "../../core/ports/database.ts";

/** Weir's schemas: all except the system's and `public`, which holds nothing of Weir's except the ledger. */
export const ours = `n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'public')`;

async function lines(database: Queryable, text: string): Promise<string> {
  return (await listOf(database, text)).join("\n");
}

async function listOf(database: Queryable, text: string): Promise<string[]> {
  const rows = await database.query<{ line: string }>({ text });
  return rows.map((row) => row.line);
}

/** Weir's roles and their settings; never their passwords. */
export async function dumpRoles(database: Queryable): Promise<string> {
  return lines(
    database,
    `select line from (
       select r.rolname, 1 as part, '' as setting, format('create role %I %s%s;', r.rolname,
         case when r.rolcanlogin then 'login' else 'nologin' end,
         case when r.rolinherit then '' else ' noinherit' end) as line
       from pg_roles r where r.rolname like 'weir\\_%'
       union all
       select r.rolname, 2, setting, format('alter role %I set %s;', r.rolname, setting)
       from pg_roles r join pg_db_role_setting s on s.setrole = r.oid and s.setdatabase = 0,
         unnest(s.setconfig) setting
       where r.rolname like 'weir\\_%'
     ) roles order by rolname collate "C", part, setting collate "C"`,
  );
}

/** For each object: the rights of roles other than its owner. */
const granted = `
  with objects as (
    select 1 as part, 'schema' as kind, quote_ident(n.nspname) as name, n.nspacl as acl, n.nspowner as owner,
      false as open
    from pg_namespace n where ${ours} or n.nspname = 'public'
    union all
    select 2, case c.relkind when 'S' then 'sequence' else 'table' end, c.oid::regclass::text, c.relacl,
      c.relowner, false
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where ${ours} and c.relkind in ('r', 'p', 'v', 'S')
      and not (c.relispartition and c.relname ~ '_\\d{8}$')
    union all
    select 3, 'function', p.oid::regprocedure::text, p.proacl, p.proowner, p.proacl is null
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace where ${ours}
  )
  select line from (
    select part, name, coalesce(g.rolname, 'public') as grantee,
      format('grant %s on %s %s to %s;',
        string_agg(lower(x.privilege_type), ', ' order by x.privilege_type collate "C"),
        kind, name, coalesce(g.rolname, 'public')) as line
    from objects cross join aclexplode(acl) x left join pg_roles g on g.oid = x.grantee
    where x.grantee <> owner
    group by part, kind, name, g.rolname
    union all
    select part, name, 'public', format('grant execute on function %s to public;', name)
    from objects where open
  ) grants order by part, name collate "C", grantee collate "C"`;

const defaults = `
  select line from (
    select n.nspname as schema, d.defaclobjtype::text as kind, g.rolname as grantee,
      format('alter default privileges%s grant %s on %s to %s;',
        coalesce(' in schema ' || n.nspname, ''),
        string_agg(lower(x.privilege_type), ', ' order by x.privilege_type collate "C"),
        case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions'
          when 'T' then 'types' else 'schemas' end,
        coalesce(g.rolname, 'public')) as line
    from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace
    cross join aclexplode(d.defaclacl) x left join pg_roles g on g.oid = x.grantee
    where x.grantee <> d.defaclrole
    group by n.nspname, d.defaclobjtype, g.rolname
    union all
    -- the system's own default is open to everyone
    select null, 'f', null, 'alter default privileges revoke execute on functions from public;'
    from pg_default_acl d
    where d.defaclnamespace = 0 and d.defaclobjtype = 'f'
      and not exists (select from aclexplode(d.defaclacl) x where x.grantee = 0)
  ) defaults order by schema collate "C" nulls first, kind collate "C", grantee collate "C" nulls first`;

export async function dumpGrants(database: Queryable): Promise<string> {
  const head = `-- Rights ${"-".repeat(90)}
-- Of others than the owner. A function that is not listed is the owner's alone.`;
  return `\n${head}\n${await lines(database, granted)}\n\n${await lines(database, defaults)}`;
}

/** The statements of `dumpGrants`, one by one. */
export async function grantStatements(database: Queryable): Promise<string[]> {
  return [...(await listOf(database, granted)), ...(await listOf(database, defaults))];
}
