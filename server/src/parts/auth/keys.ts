import { displayKey, generateApiKey, hashSecret } from "../../core/access/api-key.ts";
import { WeirError } from "../../core/errors.ts";
import type { Queryable } from "../../core/ports/database.ts";
import { type Administration, change, invalid } from "./administration.ts";
import type { Key, NewKey } from "./schemas.ts";

export interface KeyWish {
  readonly service: string;
  /** For people: what the key is used for. */
  readonly label?: string;
  readonly expiresAt?: Date;
  /** Id of a key of the same service that this one replaces; it ends after the overlap. */
  readonly replaces?: string;
  /** How long both keys work; default: one day. */
  readonly overlapSeconds?: number;
}

const defaultOverlapSeconds = 24 * 3_600;

/** Newest first; of one service if named. */
export async function listKeys(connection: Queryable, service?: string): Promise<Key[]> {
  return readKeys(connection, { service: service ?? null, id: null });
}

/**
 * Creates a key. `secret_key` in the answer is the only time the complete key is visible.
 * @throws WeirError `not_found`, `invalid_request`, `forbidden` (a key acts as its service)
 */
export async function createKey(administration: Administration, wish: KeyWish): Promise<NewKey> {
  const { env, random } = administration;
  const { label = "", expiresAt, replaces, overlapSeconds = defaultOverlapSeconds } = wish;
  const attempt = { action: "key.create", detail: { label, ...(replaces && { replaces }) } };
  return change(administration, attempt, async ({ connection, before, service, audit }) => {
    const found = service(wish.service);
    const replaced = replaces === undefined ? undefined : before.keys.get(replaces);
    if (replaces !== undefined && replaced?.service.id !== found.id) {
      throw invalid("/replaces", `service "${found.name}" has no key ${replaces.slice(0, 40)}`);
    }
    const { id, secret, text } = generateApiKey(env, random);
    const [made] = await connection.query<{ in_future: boolean }>({
      text: `insert into auth.keys (id, env, service_id, secret_hash, label, expires_at)
             values ($1, $2, $3, $4, $5, $6)
             returning expires_at is null or expires_at > clock.latest() as in_future`,
      values: [id, env, found.id, hashSecret(secret), label, expiresAt ?? null],
    });
    if (made?.in_future !== true) throw invalid("/expires_at", "must be in the future");
    if (replaced !== undefined) {
      await connection.query({
        text: `update auth.keys
               set expires_at = least(expires_at, clock.latest() + make_interval(secs => $2))
               where id = $1`,
        values: [replaced.id, overlapSeconds],
      });
    }
    const key = await readKey(connection, id);
    await audit("key.create", found.name, {
      key: id,
      label,
      expires_at: key.expires_at,
      ...(replaced === undefined ? {} : { replaces: replaced.id, overlap_seconds: overlapSeconds }),
    });
    return { ...key, secret_key: text };
  });
}

/**
 * Revokes a key; repeating it is no error.
 * @throws WeirError `not_found`, `forbidden`, `invalid_request`
 */
export async function revokeKey(administration: Administration, id: string): Promise<Key> {
  const attempt = { action: "key.revoke", detail: { key: id } };
  return change(administration, attempt, async ({ connection, before, bounds, audit }) => {
    const key = before.keys.get(id);
    if (key === undefined) {
      throw new WeirError("not_found", { detail: `there is no key ${id.slice(0, 40)}` });
    }
    bounds.demandService(key.service);
    if (!key.revoked) {
      await connection.query({
        text: "update auth.keys set revoked_at = now() where id = $1",
        values: [id],
      });
      await audit("key.revoke", key.service.name, { key: id });
    }
    return readKey(connection, id);
  });
}

async function readKey(connection: Queryable, id: string): Promise<Key> {
  const [key] = await readKeys(connection, { service: null, id });
  if (key === undefined) throw new WeirError("not_found");
  return key;
}

async function readKeys(
  connection: Queryable,
  { service, id }: { readonly service: string | null; readonly id: string | null },
): Promise<Key[]> {
  const rows = await connection.query<{
    id: string;
    env: string;
    service: string;
    label: string;
    state: Key["state"];
    created_at: Date;
    expires_at: Date | null;
    revoked_at: Date | null;
    last_used_at: Date | null;
  }>({
    text: `select k.id, k.env, s.name as service, k.label,
             case when k.revoked_at is not null then 'revoked'
                  when k.expires_at <= clock.latest() then 'expired'
                  when s.disabled_at is not null then 'service_disabled'
                  else 'usable' end as state,
             k.created_at, k.expires_at, k.revoked_at, k.last_used_at
           from auth.keys k join auth.services s on s.id = k.service_id
           where ($1::text is null or s.name = $1) and ($2::text is null or k.id = $2)
           order by k.created_at desc, k.id`,
    values: [service, id],
  });
  return rows.map(({ created_at, expires_at, revoked_at, last_used_at, ...row }) => ({
    ...row,
    display: displayKey(row.env, row.id),
    created_at: created_at.toISOString(),
    expires_at: expires_at?.toISOString() ?? null,
    revoked_at: revoked_at?.toISOString() ?? null,
    last_used_at: last_used_at?.toISOString() ?? null,
  }));
}
