import { type CompiledPolicy, compilePolicy, type Policy } from "../../core/access/permission.ts";
import type { Queryable } from "../../core/ports/database.ts";

export interface ServiceEntry {
  readonly id: number;
  readonly name: string;
  readonly role: string;
  /** False when the service names a role that is not there: it then has its extra permissions only. */
  readonly roleExists: boolean;
  readonly disabled: boolean;
  readonly policy: Policy & CompiledPolicy;
}

export interface KeyEntry {
  readonly id: string;
  readonly env: string;
  readonly service: ServiceEntry;
  readonly secretHash: Buffer;
  readonly revoked: boolean;
  /** Milliseconds since 1970; Infinity when it does not expire. */
  readonly expiresAt: number;
}

export interface SessionEntry {
  readonly keyId: string;
  readonly csrfToken: string;
  readonly expiresAt: number;
}

/** All that decisions need, as of one revision. */
export interface Snapshot {
  readonly revision: string;
  readonly services: ReadonlyMap<number, ServiceEntry>;
  readonly servicesByName: ReadonlyMap<string, ServiceEntry>;
  readonly keys: ReadonlyMap<string, KeyEntry>;
  /** By the hex of the token's hash. */
  readonly sessions: ReadonlyMap<string, SessionEntry>;
}

/** Why a key cannot be used now; undefined when it can. */
export function obstacle(
  key: KeyEntry | undefined,
  now: number,
): "unknown" | "revoked" | "disabled" | "expired" | undefined {
  if (key === undefined) return "unknown";
  if (key.revoked) return "revoked";
  if (key.service.disabled) return "disabled";
  return now >= key.expiresAt ? "expired" : undefined;
}

/** Reads all in the order of the tables; call it inside one repeatable-read transaction. */
export async function readSnapshot(connection: Queryable, timeoutMs = 5_000): Promise<Snapshot> {
  const revision = await readRevision(connection, timeoutMs);
  const services = await readServices(connection, timeoutMs);
  const keys = await connection.query<{
    id: string;
    env: string;
    service_id: number;
    secret_hash: Buffer;
    revoked: boolean;
    expires_at: Date | null;
  }>(
    {
      text: `select id, env, service_id, secret_hash, revoked_at is not null as revoked, expires_at
             from auth.keys`,
    },
    { timeoutMs },
  );
  const sessions = await connection.query<{
    token_hash: string;
    key_id: string;
    csrf_token: string;
    expires_at: Date;
  }>(
    {
      text: `select encode(token_hash, 'hex') as token_hash, key_id, csrf_token, expires_at
             from auth.sessions`,
    },
    { timeoutMs },
  );
  return {
    revision,
    services,
    servicesByName: new Map([...services.values()].map((service) => [service.name, service])),
    keys: new Map(
      keys.flatMap((row) => {
        const service = services.get(row.service_id);
        if (service === undefined) return [];
        const { id, env, revoked, secret_hash: secretHash } = row;
        const expiresAt = row.expires_at?.getTime() ?? Number.POSITIVE_INFINITY;
        return [[id, { id, env, service, secretHash, revoked, expiresAt }]];
      }),
    ),
    sessions: new Map(
      sessions.map(({ token_hash, key_id, csrf_token, expires_at }) => [
        token_hash,
        { keyId: key_id, csrfToken: csrf_token, expiresAt: expires_at.getTime() },
      ]),
    ),
  };
}

/** What changes with every change of services, keys and permissions; `incarnation`: see log.incarnation. */
export async function readVersion(
  connection: Queryable,
  timeoutMs: number,
): Promise<{ readonly revision: string; readonly incarnation: string }> {
  const [row] = await connection.query<{ revision: string; incarnation: string }>(
    {
      name: "auth_version",
      text: "select revision::text as revision, log.incarnation() as incarnation from auth.revision",
    },
    { timeoutMs },
  );
  return row ?? { revision: "", incarnation: "" };
}

async function readRevision(connection: Queryable, timeoutMs: number): Promise<string> {
  const [row] = await connection.query<{ revision: string }>(
    { name: "auth_revision", text: "select revision::text as revision from auth.revision" },
    { timeoutMs },
  );
  return row?.revision ?? "";
}

async function readServices(
  connection: Queryable,
  timeoutMs: number,
): Promise<Map<number, ServiceEntry>> {
  const rows = await connection.query<{
    id: number;
    name: string;
    role: string;
    disabled: boolean;
    role_permissions: string[] | null;
    extra: string[];
    revoked: string[];
  }>(
    {
      text: `select s.id, s.name, s.role, s.disabled_at is not null as disabled,
               r.permissions::text[] as role_permissions,
               array(select permission::text from auth.extra_permissions
                     where service_id = s.id order by 1) as extra,
               array(select permission::text from auth.revoked_permissions
                     where service_id = s.id order by 1) as revoked
             from auth.services s left join auth.roles r on r.name = s.role`,
    },
    { timeoutMs },
  );
  return new Map(
    rows.map(({ id, name, role, disabled, role_permissions, extra, revoked }) => {
      const policy = { role: role_permissions ?? [], extra, revoked };
      const roleExists = role_permissions !== null;
      const compiled = { ...policy, ...compilePolicy(policy) };
      return [id, { id, name, role, roleExists, disabled, policy: compiled }];
    }),
  );
}
