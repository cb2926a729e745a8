/** What the bounds of administration must be, in the plainest code: sets of permissions, enumerated. */
import { randomBytes } from "node:crypto";
import type { Actor } from "../../src/parts/auth/bounds.ts";
import type { TestAuth } from "../helpers/auth.ts";

export interface Rights {
  readonly role: readonly string[];
  readonly extra: readonly string[];
  readonly revoked: readonly string[];
}

export interface ModelService {
  readonly name: string;
  role: string;
  extra: string[];
  revoked: string[];
  disabled: boolean;
  keys: { id: string; revoked: boolean }[];
}

export interface BoundsModel {
  readonly services: Map<string, ModelService>;
  readonly roles: Map<string, readonly string[]>;
  actorOf(service: string, permission: string): Extract<Actor, { kind: "key" }>;
}

const apps = ["auth", "events", "other"];
const verbs = ["get", "post", "put", "patch", "delete"];
const views = ["a", "b", "other"];
/** `other` is in no pattern and stands for all names that are in none. */
const universe = apps.flatMap((app) =>
  verbs.flatMap((verb) => views.map((view) => `${app}.${verb}.${view}`)),
);

function matches(pattern: string, permission: string): boolean {
  const [a, b, c] = pattern.split(".");
  const [x, y, z] = permission.split(".");
  return (a === "*" || a === x) && (b === "*" || b === y) && (c === "*" || c === z);
}

export function setOf({ role, extra, revoked }: Rights): Set<string> {
  const has = (patterns: readonly string[], permission: string) =>
    patterns.some((pattern) => matches(pattern, permission));
  return new Set(
    universe.filter((permission) => {
      if (has(revoked, permission)) return false;
      return has(extra, permission) || has(role, permission);
    }),
  );
}

export function rightsOf({ roles }: BoundsModel, { role, extra, revoked }: ModelService): Rights {
  return { role: roles.get(role) ?? [], extra, revoked };
}

/** These patterns and nothing else. */
export function only(patterns: readonly string[]): Rights {
  return { role: patterns, extra: [], revoked: [] };
}

/** Writes services with these rights, each with a role and a key of its own, straight into the tables. */
export async function createBoundsModel(
  { owner }: TestAuth,
  wanted: ReadonlyMap<string, Rights>,
): Promise<BoundsModel> {
  // what an earlier model left behind would be read with every change
  await owner.query({ text: "truncate auth.services cascade" });
  await owner.query({ text: "delete from auth.roles where name like 'role-of-%'" });
  const services = new Map<string, ModelService>();
  const roles = new Map<string, readonly string[]>();
  for (const [name, { role, extra, revoked }] of wanted) {
    const roleName = `role-of-${name}`;
    roles.set(roleName, role);
    await owner.query({
      text: "insert into auth.roles (name, description, permissions, source) values ($1, 'x', $2::text[], 'api')",
      values: [roleName, [...role]],
    });
    await owner.query({
      text: "insert into auth.services (name, role) values ($1, $2)",
      values: [name, roleName],
    });
    for (const [table, patterns] of [
      ["auth.extra_permissions", extra],
      ["auth.revoked_permissions", revoked],
    ] as const) {
      await owner.query({
        text: `insert into ${table} (service_id, permission)
               select s.id, p from auth.services s, unnest($2::text[]) p where s.name = $1`,
        values: [name, [...patterns]],
      });
    }
    const id = keyId();
    await owner.query({
      text: `insert into auth.keys (id, env, service_id, secret_hash, label)
             select $2, 'test', id, $3, 'model' from auth.services where name = $1`,
      values: [name, id, randomBytes(32)],
    });
    services.set(name, {
      name,
      role: roleName,
      extra: [...new Set(extra)],
      revoked: [...new Set(revoked)],
      disabled: false,
      keys: [{ id, revoked: false }],
    });
  }
  return {
    services,
    roles,
    actorOf(service, permission) {
      const id = services.get(service)?.keys.find(({ revoked }) => !revoked)?.id ?? "";
      return { kind: "key", name: `${service}/${id}`, keyId: id, permission };
    },
  };
}

function keyId(): string {
  const letters = "abcdefghijkmnpqrstuvwxyz23456789";
  return Array.from(randomBytes(12), (byte) => letters[byte & 31]).join("");
}
