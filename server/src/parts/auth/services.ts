import { namePattern } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import { nearestName } from "../../core/nearest-name.ts";
import type { Queryable } from "../../core/ports/database.ts";
import { type Administration, change, invalid } from "./administration.ts";
import type { Service } from "./schemas.ts";

const serviceName = new RegExp(namePattern, "u");

export async function listServices(connection: Queryable): Promise<Service[]> {
  return readServices(connection, null);
}

/** @throws WeirError `invalid_request`, `already_exists`, `forbidden` */
export async function createService(
  administration: Administration,
  { name, role }: { readonly name: string; readonly role: string },
): Promise<Service> {
  if (!serviceName.test(name)) {
    throw invalid("/name", "a service's name is a-z, 0-9 and -, starts with a letter, at most 63");
  }
  const attempt = { action: "service.create", detail: { service: name, role } };
  return change(administration, attempt, async ({ connection, bounds, audit }) => {
    bounds.demandRole(role, await roleOrMistake(connection, role));
    const made = await connection.query({
      text: `insert into auth.services (name, role) values ($1, $2)
             on conflict (name) do nothing returning id`,
      values: [name, role],
    });
    if (made.length === 0) {
      throw new WeirError("already_exists", { detail: `a service "${name}" already exists` });
    }
    await audit("service.create", name, { role });
    return readService(connection, name);
  });
}

/** Changes role or disabled or both. @throws WeirError `not_found`, `invalid_request`, `forbidden` */
export async function updateService(
  administration: Administration,
  name: string,
  wanted: { readonly role?: string; readonly disabled?: boolean },
): Promise<Service> {
  const attempt = { action: "service.update", detail: wanted };
  return change(administration, attempt, async ({ connection, bounds, service, audit }) => {
    const found = service(name);
    const { role = found.role, disabled = found.disabled } = wanted;
    if (role === found.role && disabled === found.disabled) return readService(connection, name);
    if (role !== found.role) bounds.demandRole(role, await roleOrMistake(connection, role));
    await connection.query({
      text: `update auth.services set role = $2,
               disabled_at = case when $3 then coalesce(disabled_at, now()) end
             where id = $1`,
      values: [found.id, role, disabled],
    });
    await audit("service.update", name, {
      before: { role: found.role, disabled: found.disabled },
      after: { role, disabled },
    });
    return readService(connection, name);
  });
}

/** The permissions of a role. @throws WeirError `invalid_request` with the nearest role's name */
async function roleOrMistake(connection: Queryable, role: string): Promise<readonly string[]> {
  const roles = await connection.query<{ name: string; permissions: string[] }>({
    text: "select name, permissions::text[] as permissions from auth.roles order by name",
  });
  const found = roles.find(({ name }) => name === role);
  if (found !== undefined) return found.permissions;
  const names = roles.map(({ name }) => name);
  const near = nearestName(role, names);
  const hint = near === undefined ? `there are ${names.join(", ")}` : `did you mean "${near}"?`;
  throw invalid("/role", `there is no role "${role.slice(0, 80)}"; ${hint}`);
}

async function readService(connection: Queryable, name: string): Promise<Service> {
  const [service] = await readServices(connection, name);
  if (service === undefined) throw new WeirError("not_found");
  return service;
}

async function readServices(connection: Queryable, name: string | null): Promise<Service[]> {
  const rows = await connection.query<
    Omit<Service, "created_at" | "disabled_at"> & { created_at: Date; disabled_at: Date | null }
  >({
    text: `select s.name, s.role, s.disabled_at is not null as disabled,
             array(select permission::text from auth.extra_permissions
                   where service_id = s.id order by 1) as extra,
             array(select permission::text from auth.revoked_permissions
                   where service_id = s.id order by 1) as revoked,
             (select count(*)::int from auth.keys k where k.service_id = s.id
                and k.revoked_at is null and (k.expires_at is null or k.expires_at > clock.latest())
                and s.disabled_at is null) as usable_keys,
             s.created_at, s.disabled_at
           from auth.services s where $1::text is null or s.name = $1 order by s.name`,
    values: [name],
  });
  return rows.map((row) => ({
    ...row,
    created_at: row.created_at.toISOString(),
    disabled_at: row.disabled_at?.toISOString() ?? null,
  }));
}
