/**
 * Changes of keys, services and permissions. HTTP and the command line use the same functions; each
 * change and its entry in the audit log are one transaction.
 */
import type { RandomBytes } from "../../core/access/api-key.ts";
import { patternMistake } from "../../core/access/permission.ts";
import { WeirError } from "../../core/errors.ts";
import { nearestName } from "../../core/nearest-name.ts";
import type { Database, Queryable } from "../../core/ports/database.ts";
import { obstacle, readSnapshot, type ServiceEntry, type Snapshot } from "./snapshot.ts";

/** The author of a change. An actor can only grant what `covers` says that it has. */
export interface Actor {
  /** As written into the audit log: `<service>/<key id>`, or `cli:<user>`. */
  readonly name: string;
  covers(pattern: string): boolean;
}

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

/** A process that reaches the database with the machine's own credentials may do everything. */
export function localActor(name: string): Actor {
  return { name, covers: () => true };
}

export interface Change {
  readonly connection: Queryable;
  /** The state before the change. */
  readonly before: Snapshot;
  /** The service of this name. @throws WeirError `not_found` with the nearest name */
  service(name: string): ServiceEntry;
  audit(action: string, subject: string, detail: Readonly<Record<string, unknown>>): Promise<void>;
}

/** The permissions needed to grant permissions; at least one usable key must always have them all. */
const repairPermissions = [
  "auth.post.key_create",
  "auth.patch.service_update",
  "auth.put.role_replace",
  "auth.post.permission_change",
  "auth.delete.permission_remove",
];

/**
 * Runs one change. Changes run one at a time (they queue for the row of the revision), so two that are
 * harmless alone cannot together lock out all administrators.
 * @throws WeirError `invalid_request` when no administrator would be left
 */
export async function change<T>(
  { database, actor }: Administration,
  work: (change: Change) => Promise<T>,
): Promise<T> {
  return database.transaction(
    async (connection) => {
      await connection.query({ text: "select revision from auth.revision for update" });
      const before = await readSnapshot(connection);
      const result = await work({
        connection,
        before,
        service: (name) => serviceOf(before, name),
        audit: (action, subject, detail) =>
          writeAudit(connection, { actor: actor.name, action, subject, detail }),
      });
      if (hasAdministrator(before) && !hasAdministrator(await readSnapshot(connection))) {
        throw new WeirError("invalid_request", {
          detail:
            "this would leave no usable key that can administer permissions; first give another service the role admin and a key",
        });
      }
      return result;
    },
    { timeoutMs: 10_000 },
  );
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

/** @throws WeirError `forbidden` naming the first pattern that the actor does not have. */
export function demandCovers(actor: Actor, patterns: readonly string[], what: string): void {
  const missing = patterns.find((pattern) => !actor.covers(pattern));
  if (missing === undefined) return;
  throw new WeirError("forbidden", {
    permission: missing,
    detail: `${what} would grant ${missing}, which ${actor.name} does not have; permissions can only be granted by their holders`,
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

function hasAdministrator({ keys }: Snapshot): boolean {
  const now = Date.now();
  for (const key of keys.values()) {
    if (obstacle(key, now) !== undefined) continue;
    if (repairPermissions.every((permission) => key.service.policy.decide(permission))) return true;
  }
  return false;
}
