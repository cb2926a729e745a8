import { isPermission, patternMistake } from "../../core/access/permission.ts";
import { WeirError } from "../../core/errors.ts";
import { nearestName } from "../../core/nearest-name.ts";
import type { Database } from "../../core/ports/database.ts";
import { type Administration, change, demandPattern, serviceOf } from "./administration.ts";
import type { Explanation, PermissionChange } from "./schemas.ts";
import { readSnapshot, type ServiceEntry } from "./snapshot.ts";

const tables = { extra: "auth.extra_permissions", revoked: "auth.revoked_permissions" } as const;

/**
 * Adds an extra or a revoked permission to a service; repeating it is no error.
 * @throws WeirError `not_found`, `invalid_request`, `forbidden`
 */
export async function addPermission(
  administration: Administration,
  wanted: PermissionChange,
): Promise<{ readonly changed: boolean }> {
  const { permission, kind } = wanted;
  demandPattern(permission, "/permission", administration.knownPermissions?.());
  const attempt = { action: `permission.${kind}.add`, detail: { permission } };
  return change(administration, attempt, async ({ connection, bounds, service, audit }) => {
    const found = service(wanted.service);
    const { id, name } = found;
    if (kind === "extra") bounds.demandGrant(found, permission);
    const added = await connection.query({
      text: `insert into ${tables[kind]} (service_id, permission) values ($1, $2)
             on conflict do nothing returning service_id`,
      values: [id, permission],
    });
    if (added.length > 0) await audit(`permission.${kind}.add`, name, { permission });
    return { changed: added.length > 0 };
  });
}

/**
 * Removes an extra or a revoked permission.
 * @throws WeirError `not_found`, `forbidden`, `invalid_request`
 */
export async function removePermission(
  administration: Administration,
  { service: of, permission, kind }: PermissionChange,
): Promise<void> {
  const attempt = { action: `permission.${kind}.remove`, detail: { permission } };
  return change(administration, attempt, async ({ connection, bounds, service, audit }) => {
    const found = service(of);
    const { id, name, policy } = found;
    if (!policy[kind].includes(permission)) {
      throw new WeirError("not_found", {
        detail: `service "${name}" has no ${kind} permission "${permission.slice(0, 200)}"; it has ${policy[kind].join(", ") || "none"}`,
      });
    }
    // Removing a revocation grants the permission again.
    if (kind === "revoked") bounds.demandGrant(found, permission);
    await connection.query({
      text: `delete from ${tables[kind]} where service_id = $1 and permission = $2`,
      values: [id, permission],
    });
    await audit(`permission.${kind}.remove`, name, { permission });
  });
}

/**
 * Which rule decides whether a service has a permission, according to the database.
 * @throws WeirError `not_found` (the service), `invalid_query` (not a permission's name)
 */
export async function explainPermission(
  database: Database,
  { service: name, permission }: { readonly service: string; readonly permission: string },
  known?: readonly string[],
): Promise<Explanation> {
  if (!isPermission(permission)) {
    const mistake = patternMistake(permission) ?? "contains a *; name a single permission";
    throw new WeirError("invalid_query", {
      detail: `permission: "${permission.slice(0, 200)}" ${mistake}`,
      errors: [{ pointer: "permission", detail: mistake }],
    });
  }
  const snapshot = await database.transaction((connection) => readSnapshot(connection), {
    isolation: "repeatable read",
    readOnly: true,
    timeoutMs: 5_000,
  });
  const service = serviceOf(snapshot, name);
  const ruling = service.policy.explain(permission);
  const pattern = ruling.kind === "none" ? null : ruling.pattern;
  return {
    service: service.name,
    role: service.role,
    permission,
    allowed: ruling.allowed,
    rule: { kind: ruling.kind, pattern },
    because: because(service, ruling.kind, pattern),
    notes: notes(service, permission, known),
  };
}

function because(
  service: ServiceEntry,
  kind: Explanation["rule"]["kind"],
  pattern: string | null,
): string {
  switch (kind) {
    case "revoked":
      return `revoked permission "${pattern}" of service "${service.name}"`;
    case "extra":
      return `extra permission "${pattern}" of service "${service.name}"`;
    case "role":
      return `role "${service.role}" has "${pattern}"`;
    case "none":
      return service.roleExists
        ? `no rule: deny (neither role "${service.role}" nor an extra permission grants it)`
        : `no rule: deny (role "${service.role}" does not exist)`;
  }
}

function notes(
  service: ServiceEntry,
  permission: string,
  known: readonly string[] | undefined,
): string[] {
  const found: string[] = [];
  if (service.disabled) {
    found.push(`service "${service.name}" is disabled: none of its keys work`);
  }
  if (known !== undefined && !known.includes(permission)) {
    const near = nearestName(permission, known);
    found.push(
      `no route has this permission${near === undefined ? "" : `; did you mean "${near}"?`}`,
    );
  }
  return found;
}
