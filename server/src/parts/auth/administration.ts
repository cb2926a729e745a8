/**
 * Changes of keys, services and permissions. HTTP and the command line use the same functions; each
 * change and its entry in the audit log are one transaction.
 */
import type { RandomBytes } from "../../core/access/api-key.ts";
import { patternMistake } from "../../core/access/permission.ts";
import { WeirError } from "../../core/errors.ts";
import { nearestName } from "../../core/nearest-name.ts";
import type { Database, Queryable } from "../../core/ports/database.ts";
import { type Actor, type Bounds, boundsOf, type Refusal } from "./bounds.ts";
import { demandAdministrator } from "./last-administrator.ts";
import { readSnapshot, type ServiceEntry, type Snapshot } from "./snapshot.ts";

export interface Administration {
  readonly database: Database;
  readonly actor: Actor;
  /** `dev`, `test` or `prod`: the environment of new keys; see `keyEnvironment`. */
  readonly env: string;
  readonly random: RandomBytes;
  /** Permissions of the mounted routes, to catch misspelt names; without it any name is accepted. */
  readonly knownPermissions?: () => readonly string[];
}

/** The environment's name inside keys. */
export function keyEnvironment(env: "development" | "test" | "production"): string {
  return { development: "dev", test: "test", production: "prod" }[env];
}

/** What is attempted, for the audit log in case it is refused. */
export interface Attempt {
  readonly action: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface Change {
  readonly connection: Queryable;
  /** The state before the change. */
  readonly before: Snapshot;
  readonly bounds: Bounds;
  /**
   * The service of this name, which the actor may change.
   * @throws WeirError `not_found` with the nearest name, `forbidden`
   */
  service(name: string): ServiceEntry;
  audit(action: string, subject: string, detail: Readonly<Record<string, unknown>>): Promise<void>;
}

/**
 * Runs one change. Changes run one at a time (they queue for the row of the revision), and each is
 * checked against the state that it starts from and the state that it leaves. So two that are harmless
 * alone cannot together lock out all administrators, nor give an actor what it has just lost. A
 * refused attempt is rolled back and recorded.
 * @throws WeirError `forbidden`, and `invalid_request` when no administrator would be left
 */
export async function change<T>(
  { database, actor, env }: Administration,
  attempt: Attempt,
  work: (change: Change) => Promise<T>,
): Promise<T> {
  let refusal: Refusal | undefined;
  const run = async (connection: Queryable): Promise<T> => {
    await connection.query({ text: "select revision from auth.revision for update" });
    const before = await readSnapshot(connection);
    const bounds = boundsOf(actor, before, (refused) => {
      refusal = refused;
    });
    const result = await work({
      connection,
      before,
      bounds,
      service(name) {
        const found = serviceOf(before, name);
        bounds.demandService(found);
        return found;
      },
      audit: (action, subject, detail) =>
        writeAudit(connection, { actor: actor.name, action, subject, detail }),
    });
    const after = await readSnapshot(connection);
    bounds.demandChanges(before, after);
    demandAdministrator({ actor, env }, before, after);
    return result;
  };
  try {
    return await database.transaction(run, { timeoutMs: 10_000 });
  } catch (error) {
    if (refusal !== undefined) await auditRefusal(database, { actor, attempt, refusal });
    throw error;
  }
}

async function auditRefusal(
  database: Database,
  refused: { readonly actor: Actor; readonly attempt: Attempt; readonly refusal: Refusal },
): Promise<void> {
  const { actor, attempt, refusal } = refused;
  await writeAudit(database, {
    actor: actor.name,
    action: `${attempt.action}.refused`,
    subject: refusal.subject,
    detail: { ...attempt.detail, missing_permission: refusal.permission },
  });
}

export async function writeAudit(
  connection: Queryable,
  entry: {
    readonly actor: string;
    readonly action: string;
    readonly subject: string;
    readonly detail: Readonly<Record<string, unknown>>;
  },
): Promise<void> {
  await connection.query({
    text: "insert into auth.audit_log (actor, action, subject, detail) values ($1, $2, $3, $4)",
    values: [entry.actor, entry.action, entry.subject, JSON.stringify(entry.detail)],
  });
}

/** @throws WeirError `not_found` with the nearest name */
export function serviceOf({ services }: Snapshot, name: string): ServiceEntry {
  for (const service of services.values()) if (service.name === name) return service;
  const near = nearestName(
    name,
    [...services.values()].map((service) => service.name),
  );
  throw new WeirError("not_found", {
    detail: `there is no service "${name.slice(0, 80)}"${near === undefined ? "" : `; did you mean "${near}"?`}`,
  });
}

/**
 * @throws WeirError `invalid_request` for an invalid pattern, and for a permission without `*` that no
 * route uses, with the nearest known one.
 */
export function demandPattern(
  pattern: string,
  pointer: string,
  known: readonly string[] | undefined,
): void {
  const mistake = patternMistake(pattern);
  if (mistake !== undefined) throw invalid(pointer, `"${pattern.slice(0, 200)}" ${mistake}`);
  if (known === undefined || pattern.includes("*") || known.includes(pattern)) return;
  const near = nearestName(pattern, known);
  const hint = near === undefined ? "GET /api/permissions lists them" : `did you mean "${near}"?`;
  throw invalid(pointer, `no route has the permission "${pattern}"; ${hint}`);
}

/** A 422 that says where and what. */
export function invalid(pointer: string, detail: string): WeirError {
  return new WeirError("invalid_request", {
    detail: `${pointer}: ${detail}`,
    errors: [{ pointer, detail }],
  });
}
