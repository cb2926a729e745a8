/**
 * The roles that Weir's processes log in as, `weir_app` and `weir_ingest`, and that of the Spark job, `weir_spark`. Roles belong to the
 * server, not to a database: an administrator may have created them, another database of the server
 * may use them already, and a restored database may lack them.
 */
import { DatabaseError, type Queryable } from "../../core/ports/database.ts";
import { scramVerifier } from "./role-passwords.ts";

export const loginNames = ["weir_app", "weir_ingest", "weir_spark"] as const;
export type LoginName = (typeof loginNames)[number];

interface Login {
  readonly name: LoginName;
  readonly can_login: boolean;
  readonly is_strong: boolean;
  /** Whether the owner's session may act as it with `set role`. */
  readonly can_act: boolean;
  /** Names of the time limits that the role has. */
  readonly limits: readonly string[];
}

/** Time limits of transactions. An administrator may have chosen others. */
const limits: Readonly<Record<LoginName, Readonly<Record<string, string>>>> = {
  weir_app: {},
  // readers of the log look back as far as the longest write, so nothing may write for longer
  weir_ingest: { transaction_timeout: "10s" },
  // a driver or a task that freezes must not hold up the other engine, or the vacuum
  weir_spark: { idle_in_transaction_session_timeout: "10s", transaction_timeout: "5min" },
};

function missingLimits({ name, limits: present }: Login): string[] {
  return Object.keys(limits[name]).filter((limit) => !present.includes(limit));
}

export interface LoginSetup {
  /** Passwords to set; a role without one keeps its own, or has none. */
  readonly passwords: Readonly<Partial<Record<LoginName, string>>>;
  /** Roles that the owner's own login must be able to act as, because they have no URL of their own. */
  readonly actAs: readonly LoginName[];
  /** Whether the server accepts a role's URL as it is. */
  accepts(name: LoginName): Promise<boolean>;
}

/**
 * Creates the missing roles, corrects their attributes and sets their passwords. Changes nothing
 * that is as it should be, so an owner without CREATEROLE can use roles that an administrator made.
 * @throws Error that names the missing right and the statements for an administrator
 */
export async function ensureLogins(owner: Queryable, setup: LoginSetup): Promise<string[]> {
  const done: string[] = [];
  const attempt = async (name: LoginName, what: string, statement: string) => {
    try {
      await owner.query({ text: statement });
      done.push(what);
    } catch (error) {
      throw await explained(owner, error, { name, what, statement });
    }
  };
  for (const name of loginNames) {
    const before = (await readLogins(owner)).find((login) => login.name === name);
    if (before === undefined) {
      await createLogin(
        owner,
        (statement) => attempt(name, `created the role ${name}`, statement),
        name,
      );
    }
    const login = (await readLogins(owner)).find((one) => one.name === name);
    if (login === undefined) throw new Error(`The role ${name} was dropped meanwhile.`);
    if (!login.can_login) await attempt(name, `${name} may log in`, `alter role ${name} login`);
    for (const limit of missingLimits(login)) {
      await attempt(
        name,
        `limited the transactions of ${name}`,
        `alter role ${name} set ${limit} = '${limits[name][limit]}'`,
      );
    }
    if (setup.actAs.includes(name) && !login.can_act) {
      const grant = `grant ${name} to current_user with inherit false, set true`;
      await attempt(name, `the owner may act as ${name}`, grant);
    }
    const password = setup.passwords[name];
    if (password !== undefined) {
      const statement = `alter role ${name} password '${await scramVerifier(name, password)}'`;
      try {
        await attempt(name, `set the password of ${name}`, statement);
      } catch (error) {
        // an administrator has set it: an owner without CREATEROLE need not
        if (!(await setup.accepts(name))) throw error;
      }
    }
  }
  return done;
}

/** Another database of the server may create the same role at this moment. */
async function createLogin(
  owner: Queryable,
  run: (statement: string) => Promise<void>,
  name: LoginName,
): Promise<void> {
  try {
    await run(`create role ${name} login noinherit`);
  } catch (error) {
    if ((await readLogins(owner)).every((login) => login.name !== name)) throw error;
  }
}

async function explained(
  owner: Queryable,
  error: unknown,
  { name, what, statement }: { name: LoginName; what: string; statement: string },
): Promise<unknown> {
  if (!(error instanceof DatabaseError && error.code === "42501")) return error;
  const [who] = await owner.query<{ name: string }>({ text: "select current_user as name" });
  // never the verifier of a password
  const shown = statement.includes("password") ? `alter role ${name} password '…'` : statement;
  return new Error(
    `"${who?.name}" may not do this: ${what}. Give it CREATEROLE (and, for a role that another login created, ` +
      `"grant ${name} to ${who?.name} with admin option"), or let an administrator run: ${shown}`,
    { cause: error },
  );
}

async function readLogins(database: Queryable): Promise<Login[]> {
  return database.query<Login>({
    text: `select r.rolname as name, r.rolcanlogin as can_login,
             r.rolsuper or r.rolcreaterole or r.rolcreatedb or r.rolreplication or r.rolbypassrls as is_strong,
             pg_has_role(current_user, r.oid, 'set') as can_act,
             array(select split_part(c, '=', 1) from pg_db_role_setting s, unnest(s.setconfig) c
                   where s.setrole = r.oid) as limits
           from pg_roles r where r.rolname = any ($1)`,
    values: [loginNames],
  });
}

/** Sentences; none when the roles are as they should be. Any login may ask. */
export async function loginProblems(database: Queryable): Promise<string[]> {
  const found = await readLogins(database);
  return loginNames.flatMap((name) => {
    const login = found.find((one) => one.name === name);
    if (login === undefined) return [`the role ${name} does not exist`];
    return [
      ...(login.can_login ? [] : [`${name} may not log in`]),
      ...(login.is_strong ? [`${name} has rights of an administrator of the server`] : []),
      ...missingLimits(login).map((limit) => `${name} has no ${limit}`),
    ];
  });
}
