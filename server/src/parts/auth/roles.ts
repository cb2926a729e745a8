import { namePattern } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import type { Queryable } from "../../core/ports/database.ts";
import {
  type Administration,
  type Change,
  change,
  demandPattern,
  invalid,
} from "./administration.ts";
import { localActor } from "./bounds.ts";
import type { RolePolicy } from "./policies.ts";
import type { Role } from "./schemas.ts";

const roleName = new RegExp(namePattern, "u");

interface StoredRole {
  readonly name: string;
  readonly description: string;
  readonly permissions: readonly string[];
  readonly source: Role["source"];
}

export async function listRoles(connection: Queryable): Promise<Role[]> {
  const rows = await connection.query<Omit<Role, "updated_at"> & { updated_at: Date }>({
    text: `select r.name, r.description, r.permissions::text[] as permissions, r.source,
             (select count(*)::int from auth.services s where s.role = r.name) as services,
             r.updated_at
           from auth.roles r order by r.name`,
  });
  return rows.map((row) => ({ ...row, updated_at: row.updated_at.toISOString() }));
}

/**
 * Creates or replaces a role at run time. From then on its policy file is not applied, until
 * `resetRole`. @throws WeirError `invalid_request`, `forbidden`
 */
export async function replaceRole(
  administration: Administration,
  wanted: {
    readonly name: string;
    readonly description?: string;
    readonly permissions: readonly string[];
  },
): Promise<Role> {
  const { name } = wanted;
  if (!roleName.test(name)) {
    throw invalid(
      "/name",
      "a role name has a-z, 0-9 and -, starts with a letter, and has at most 63 characters",
    );
  }
  const permissions = [...new Set(wanted.permissions)];
  const known = administration.knownPermissions?.();
  permissions.forEach((pattern, index) => {
    demandPattern(pattern, `/permissions/${index}`, known);
  });
  const attempt = { action: "role.replace", detail: { role: name, permissions } };
  return change(administration, attempt, async (current) => {
    const before = (await storedRoles(current.connection)).get(name);
    current.bounds.demandRole(name, before?.permissions ?? []);
    current.bounds.demandRole(name, permissions);
    await store(current, before, {
      name,
      description: wanted.description ?? before?.description ?? "",
      permissions,
      source: "api",
    });
    return readRole(current.connection, name);
  });
}

/** Resets a role to its policy file. @throws WeirError `not_found`, `forbidden` */
export async function resetRole(
  administration: Administration,
  name: string,
  policies: readonly RolePolicy[],
): Promise<Role> {
  const policy = policies.find((candidate) => candidate.name === name);
  if (policy === undefined) {
    throw new WeirError("not_found", {
      detail: `there is no file policies/${name.slice(0, 63)}.json to reset to`,
    });
  }
  const attempt = { action: "role.reset", detail: { role: name } };
  return change(administration, attempt, async (current) => {
    const before = (await storedRoles(current.connection)).get(name);
    current.bounds.demandRole(name, before?.permissions ?? []);
    current.bounds.demandRole(name, policy.permissions);
    await store(current, before, { ...policy, source: "file" });
    return readRole(current.connection, name);
  });
}

export interface AppliedPolicies {
  readonly changed: readonly string[];
  /** Roles that were changed at run time and differ from their files, which are not applied. */
  readonly kept: readonly string[];
  /** Roles of services that do not exist: they grant nothing. */
  readonly missing: readonly string[];
}

/**
 * Makes the stored roles equal to the policy files, at start. A role that was changed at run time
 * is kept: an emergency restriction must not be undone by the next deployment. A role whose file is
 * gone is removed.
 */
export async function applyPolicies(
  administration: Omit<Administration, "actor">,
  policies: readonly RolePolicy[],
): Promise<AppliedPolicies> {
  const byFiles = { ...administration, actor: localActor("policies") };
  const attempt = { action: "role.replace", detail: { source: "file" } };
  return change(byFiles, attempt, async (current) => {
    const stored = await storedRoles(current.connection);
    const changed: string[] = [];
    const kept: string[] = [];
    for (const policy of policies) {
      const before = stored.get(policy.name);
      if (before !== undefined && sameRole(before, policy)) continue;
      if (before?.source === "api") {
        kept.push(policy.name);
        continue;
      }
      await store(current, before, { ...policy, source: "file" });
      changed.push(policy.name);
    }
    const names = new Set(policies.map(({ name }) => name));
    for (const role of stored.values()) {
      if (role.source === "api" || names.has(role.name)) continue;
      await current.connection.query({
        text: "delete from auth.roles where name = $1",
        values: [role.name],
      });
      await current.audit("role.remove", role.name, { before: role.permissions, source: "file" });
      changed.push(role.name);
    }
    const missing = await current.connection.query<{ role: string }>({
      text: `select distinct role from auth.services
             where role not in (select name from auth.roles) order by role`,
    });
    return { changed, kept, missing: missing.map(({ role }) => role) };
  });
}

/** Names of the policies that are not stored as roles: the installation is not prepared. */
export async function missingRoles(
  connection: Queryable,
  policies: readonly RolePolicy[],
): Promise<string[]> {
  const stored = await storedRoles(connection);
  return policies.map(({ name }) => name).filter((name) => !stored.has(name));
}

async function store(
  { connection, audit }: Change,
  before: StoredRole | undefined,
  role: StoredRole,
): Promise<void> {
  await connection.query({
    text: `insert into auth.roles (name, description, permissions, source)
           values ($1, $2, $3::text[], $4)
           on conflict (name) do update set description = excluded.description,
             permissions = excluded.permissions, source = excluded.source, updated_at = now()`,
    values: [role.name, role.description, [...role.permissions], role.source],
  });
  await audit("role.replace", role.name, {
    before: before?.permissions ?? null,
    after: role.permissions,
    source: role.source,
  });
}

async function storedRoles(connection: Queryable): Promise<Map<string, StoredRole>> {
  const rows = await connection.query<StoredRole>({
    text: `select name, description, permissions::text[] as permissions, source from auth.roles`,
  });
  return new Map(rows.map((row) => [row.name, row]));
}

async function readRole(connection: Queryable, name: string): Promise<Role> {
  const role = (await listRoles(connection)).find((candidate) => candidate.name === name);
  if (role === undefined) throw new WeirError("not_found");
  return role;
}

function sameRole(a: Omit<StoredRole, "source">, b: RolePolicy): boolean {
  return a.description === b.description && a.permissions.join("\n") === b.permissions.join("\n");
}
