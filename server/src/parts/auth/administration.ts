/**
 * How keys, services and permissions are changed: by HTTP and by the command line through the same
 * functions, each change and its entry in the audit log in one transaction.
 */
import type { RandomBytes } from "../../core/access/api-key.ts";
import { patternMistake } from "../../core/access/permission.ts";
import { WeirError } from "../../core/errors.ts";
import { nearestName } from "../../core/nearest-name.ts";
import type { Database, Queryable } from "../../core/ports/database.ts";
import { obstacle, readSnapshot, type ServiceEntry, type Snapshot } from "./snapshot.ts";

/** Who makes a change. Nobody can give what they do not have: `covers` says what they have. */
export interface Actor {
  /** As written into the audit log: `<service>/<key id>`, or `cli:<user>`. */
  readonly name: string;
  covers(pattern: string): boolean;
}

export interface Administration {
  readonly database: Database;
  readonly actor: Actor;
  /** `dev`, `test` or `prod`: the environment that keys are made for; see `keyEnvironment`. */
  readonly env: string;
  readonly random: RandomBytes;
  /** Permissions of the mounted routes, to catch misspelt names; without it any name is taken. */
  readonly knownPermissions?: () => readonly string[];
}

/** The environment's name inside keys. */
export function keyEnvironment(env: "development" | "test" | "production"): string {
  return { development: "dev", test: "test", production: "prod" }[env];
}

/** Whoever can reach the database with the machine's own credentials may do everything. */
export function localActor(name: string): Actor {
  return { name, covers: () => true };
}

export interface Change {
  readonly connection: Queryable;
  /** As the change found it. */
  readonly before: Snapshot;
  /** The service of this name. @throws WeirError `not_found` with the nearest name */
  service(name: string): ServiceEntry;
  audit(action: string, subject: string, detail: Readonly<Record<string, unknown>>): Promise<void>;
}

/** What it takes to give permissions back; at least one usable key must always hold all of it. */
const repairPermissions = [
  "auth.post.key_create",
  "auth.patch.service_update",
  "auth.put.role_replace",
  "auth.post.permission_change",
  "auth.delete.permission_remove",
];

/**
 * Runs one change. Changes are made one at a time (they queue for the revision's row), so two that
 * are harmless alone cannot together lock everybody out.
 * @throws WeirError `invalid_request` when nobody would be left who can administer
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
            "this would leave no usable key that can administer permissions; give another service the role admin and a key first",
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
    detail: `${what} would give ${missing}, which ${actor.name} does not have; nobody can give what they do not have`,
  });
}

/**
 * @throws WeirError `invalid_request` for what is no pattern, and for a permission without `*` that
 * no route asks, with the nearest that one does.
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
  throw invalid(pointer, `no route asks for "${pattern}"; ${hint}`);
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
