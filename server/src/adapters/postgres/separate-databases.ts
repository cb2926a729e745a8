/**
 * Databases beside Weir's own on the same server, one for each service of the shop. Each has an owner role of the same
 * name with a password, and no role can connect to a database that is not its own.
 */
import { DatabaseError, type Queryable } from "../../core/ports/database.ts";
import { loginNames } from "./logins.ts";
import { scramVerifier } from "./role-passwords.ts";

export interface SeparateDatabase {
  /** Also the name of its owner. */
  readonly name: string;
  /** Of the owner. */
  readonly password: string;
  /** Owners of other databases that may connect; what they may do there, the owner grants. */
  readonly guests: readonly string[];
}

export interface Separation {
  readonly databases: readonly SeparateDatabase[];
  /** Databases that only named roles may connect to from now on: Weir's, and those that nothing uses. */
  readonly closed: readonly string[];
  /** Whether the server accepts the owner's password for its database. */
  accepts(database: SeparateDatabase): Promise<boolean>;
}

/**
 * All owners are members of it. By this the embedded server recognises the roles that need a password: see `pg_hba.conf`
 * in `cluster.ts`. Names need no quotes: all are `[a-z_]`.
 */
export const separateGroup = "weir_shop";

/** One change. `shown` has a placeholder instead of a password's verifier. */
interface Statement {
  readonly text: string;
  readonly shown: string;
}

/**
 * Creates what is missing. Safe to repeat; an interrupted run is completed by the next.
 * @returns what was done
 * @throws Error that names the missing right and the statements for an administrator
 */
export async function ensureSeparation(owner: Queryable, wanted: Separation): Promise<string[]> {
  const done: string[] = [];
  for (const step of steps) {
    for (const { text, shown } of await step(owner, wanted)) {
      try {
        await owner.query({ text }, { timeoutMs: statementMs });
      } catch (error) {
        throw await explained(owner, error, shown);
      }
      done.push(shown);
    }
  }
  const problems = await separationProblems(owner, wanted);
  if (problems.length > 0)
    throw new Error(`the shop's databases are not separate: ${problems.join("; ")}`);
  return done;
}

/** The statements for a server that has none of it, for an administrator; passwords as verifiers. */
export async function separationStatements(
  databases: readonly SeparateDatabase[],
  weirs: string,
): Promise<string[]> {
  const roles = await Promise.all(databases.map(roleStatement));
  return [
    `create role ${separateGroup} nologin`,
    ...roles.map(({ text }) => text),
    ...databases.map(({ name }) => `create database ${name} owner ${name}`),
    ...[...databases.map(({ name }) => name), weirs].map(revocation),
    ...databases.flatMap(({ name, guests }) => guests.map((guest) => invitation(name, guest))),
    `grant connect on database ${weirs} to ${loginNames.join(", ")}`,
  ];
}

function roleStatement(database: SeparateDatabase): Promise<Statement> {
  const statement = `create role ${database.name} login noinherit in role ${separateGroup}`;
  return withVerifier(statement, database);
}

function revocation(name: string): string {
  return `revoke connect on database ${name} from public`;
}

function invitation(name: string, guest: string): string {
  return `grant connect on database ${name} to ${guest}`;
}

/** A new database is a copy of 7 MB on disk. */
const statementMs = 60_000;

/** Each step depends on the state that the one before it left. */
const steps: readonly ((owner: Queryable, wanted: Separation) => Promise<Statement[]>)[] = [
  missingGroup,
  missingRoles,
  wrongPasswords,
  missingMemberships,
  missingDatabases,
  openDatabases,
  missingGuests,
];

async function missingGroup(owner: Queryable): Promise<Statement[]> {
  const roles = await existing(owner, "pg_roles", [separateGroup]);
  return roles.has(separateGroup) ? [] : [plain(`create role ${separateGroup} nologin`)];
}

async function missingRoles(owner: Queryable, { databases }: Separation): Promise<Statement[]> {
  const roles = await existing(
    owner,
    "pg_roles",
    databases.map(({ name }) => name),
  );
  return Promise.all(databases.filter(({ name }) => !roles.has(name)).map(roleStatement));
}

/** A role of a restored server, or of another data folder, has another password. */
async function wrongPasswords(
  owner: Queryable,
  { databases, accepts }: Separation,
): Promise<Statement[]> {
  const there = await existing(
    owner,
    "pg_database",
    databases.map(({ name }) => name),
  );
  const statements: Statement[] = [];
  for (const database of databases) {
    if (!there.has(database.name) || (await accepts(database))) continue;
    statements.push(await withVerifier(`alter role ${database.name} login`, database));
  }
  return statements;
}

/** Without superuser rights, only a member of a role can make it the owner of a new database. */
async function missingMemberships(
  owner: Queryable,
  { databases }: Separation,
): Promise<Statement[]> {
  const rows = await owner.query<{ name: string }>({
    text: `select rolname as name from pg_roles
           where rolname = any ($1) and not exists (select from pg_database where datname = rolname)
             and not (pg_has_role(current_user, oid, 'set') and pg_has_role(current_user, oid, 'usage'))
           order by 1`,
    values: [databases.map(({ name }) => name)],
  });
  return rows.map(({ name }) => plain(`grant ${name} to current_user with inherit true, set true`));
}

async function missingDatabases(owner: Queryable, { databases }: Separation): Promise<Statement[]> {
  const names = databases.map(({ name }) => name);
  const there = await existing(owner, "pg_database", names);
  return names
    .filter((name) => !there.has(name))
    .map((name) => plain(`create database ${name} owner ${name}`));
}

/**
 * Everyone may connect to a database until that is revoked. The right to make temporary tables remains: Weir's own roles
 * need it, and it is of no use without a connection.
 */
async function openDatabases(
  owner: Queryable,
  { databases, closed }: Separation,
): Promise<Statement[]> {
  const rows = await owner.query<{ name: string }>({
    text: `select quote_ident(datname) as name from pg_database
           where datname = any ($1)
             and has_database_privilege('public', oid, 'connect')
           order by 1`,
    values: [[...databases.map(({ name }) => name), ...closed]],
  });
  return rows.map(({ name }) => plain(revocation(name)));
}

async function missingGuests(owner: Queryable, { databases }: Separation): Promise<Statement[]> {
  const statements: Statement[] = [];
  for (const { name, guests } of databases) {
    for (const guest of guests) {
      const [row] = await owner.query<{ may: boolean }>({
        text: "select has_database_privilege($1, $2, 'connect') as may",
        values: [guest, name],
      });
      if (row?.may !== true) statements.push(plain(invitation(name, guest)));
    }
  }
  return statements;
}

/** Sentences; none when every role can connect to its own database and those it is a guest of, and to no other. */
export async function separationProblems(
  database: Queryable,
  { databases, closed }: Pick<Separation, "databases" | "closed">,
): Promise<string[]> {
  const names = databases.map(({ name }) => name);
  const rows = await database.query<{ role: string; name: string; may: boolean }>({
    text: `select r.rolname as role, d.datname as name, has_database_privilege(r.oid, d.oid, 'connect') as may
           from pg_roles r, pg_database d
           where r.rolname = any ($1) and d.datname = any ($2) and d.datallowconn order by 1, 2`,
    values: [names, [...names, ...closed]],
  });
  return rows.flatMap(({ role, name, may }) => {
    const guests = databases.find((one) => one.name === name)?.guests ?? [];
    const expected = role === name || guests.includes(role);
    if (may === expected) return [];
    return [may ? `${role} can connect to ${name}` : `${role} cannot connect to ${name}`];
  });
}

async function existing(
  owner: Queryable,
  catalogue: "pg_roles" | "pg_database",
  names: readonly string[],
): Promise<ReadonlySet<string>> {
  const column = catalogue === "pg_roles" ? "rolname" : "datname";
  const rows = await owner.query<{ name: string }>({
    text: `select ${column} as name from ${catalogue} where ${column} = any ($1)`,
    values: [names],
  });
  return new Set(rows.map(({ name }) => name));
}

function plain(text: string): Statement {
  return { text, shown: text };
}

async function withVerifier(
  statement: string,
  { name, password }: { readonly name: string; readonly password: string },
): Promise<Statement> {
  const verifier = await scramVerifier(name, password);
  return { text: `${statement} password '${verifier}'`, shown: `${statement} password '…'` };
}

async function explained(owner: Queryable, error: unknown, shown: string): Promise<unknown> {
  if (!(error instanceof DatabaseError && error.code === "42501")) return error;
  const [who] = await owner.query<{ name: string }>({ text: "select current_user as name" });
  return new Error(
    `"${who?.name}" may not run: ${shown}. Give it CREATEROLE and CREATEDB, or let an administrator run what ` +
      '"weir shop prepare --print" prints',
    { cause: error },
  );
}
