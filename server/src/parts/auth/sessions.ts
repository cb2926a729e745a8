/**
 * Browser sessions and the one-time links that open them. Both act for a key and end with it; of
 * their tokens only hashes are stored.
 */
import { hashSecret, type RandomBytes, randomText } from "../../core/access/api-key.ts";
import { WeirError } from "../../core/errors.ts";
import type { Database, Queryable } from "../../core/ports/database.ts";
import { type Administration, change, invalid, writeAudit } from "./administration.ts";

const tokenLength = 43;
const dayMs = 86_400_000;
const sessionMs = 7 * dayMs;
/** A session that claims to last longer was opened while a clock was ahead: it has ended. */
export const longestSessionMs = sessionMs + dayMs;
const linkMinutes = 15;

export interface NewSession {
  /** For the cookie; not stored. */
  readonly token: string;
  readonly csrfToken: string;
  readonly expiresAt: Date;
}

export interface SessionStore {
  readonly database: Database;
  readonly random: RandomBytes;
  readonly env: string;
  /** The latest that it can be, in milliseconds since 1970; as the directory's. */
  readonly now: () => number;
}

/** Opens a session for a key that was just authenticated. */
export async function openSession(store: SessionStore, keyId: string): Promise<NewSession> {
  return store.database.transaction((connection) => insertSession(connection, store, keyId), {
    timeoutMs: 5_000,
  });
}

/** Spends a one-time link. @throws WeirError `unauthenticated` when it is unknown, old or spent */
export async function openSessionByLink(store: SessionStore, token: string): Promise<NewSession> {
  return store.database.transaction(
    async (connection) => {
      const [link] = await connection.query<{ key_id: string }>({
        // one that would be valid for longer was made while a clock was ahead
        text: `update auth.signin_links set used_at = clock.latest()
               where token_hash = $1 and used_at is null and expires_at > clock.latest()
                 and expires_at <= clock.latest() + make_interval(mins => $2)
               returning key_id`,
        values: [hashSecret(token), linkMinutes],
      });
      if (link === undefined) {
        throw new WeirError("unauthenticated", {
          detail: `this sign-in link was already used or is older than ${linkMinutes} minutes; request a new one or sign in with a key`,
        });
      }
      return insertSession(connection, store, link.key_id);
    },
    { timeoutMs: 5_000 },
  );
}

/** Ends a session everywhere; an unknown one is no error. */
export async function endSession(database: Database, token: string): Promise<void> {
  await database.transaction(
    async (connection) => {
      const [ended] = await connection.query<{ key_id: string; service: string }>({
        text: `delete from auth.sessions x using auth.keys k, auth.services s
               where x.token_hash = $1 and k.id = x.key_id and s.id = k.service_id
               returning x.key_id, s.name as service`,
        values: [hashSecret(token)],
      });
      if (ended === undefined) return;
      await writeAudit(connection, {
        actor: `${ended.service}/${ended.key_id}`,
        action: "session.end",
        subject: ended.service,
        detail: {},
      });
    },
    { timeoutMs: 5_000 },
  );
}

export interface SigninLink {
  /** Goes behind the `#` of an address, so that no server log and no Referer gets it. */
  readonly token: string;
  readonly expiresAt: Date;
}

/**
 * Makes a link's token that signs in once, within 15 minutes, as the newest usable key of a service.
 * @throws WeirError `not_found`, `invalid_request` (no usable key), `forbidden`
 */
export async function createSigninLink(
  administration: Administration,
  { service: name }: { readonly service: string },
): Promise<SigninLink> {
  const { env, random } = administration;
  const attempt = { action: "signin_link.create", detail: {} };
  return change(administration, attempt, async (current) => {
    const { connection, audit } = current;
    const service = current.service(name);
    const [key] = await connection.query<{ id: string }>({
      text: `select id from auth.keys
             where service_id = $1 and env = $2 and revoked_at is null
               and (expires_at is null or expires_at > clock.latest())
             order by created_at desc, id limit 1`,
      values: [service.id, env],
    });
    if (key === undefined || service.disabled) {
      throw invalid("/service", `service "${service.name}" has no usable key to sign in with`);
    }
    const token = randomText(tokenLength, random);
    const [link] = await connection.query<{ expires_at: Date }>({
      text: `insert into auth.signin_links (token_hash, key_id, expires_at)
             values ($1, $2, clock.latest() + make_interval(mins => $3)) returning expires_at`,
      values: [hashSecret(token), key.id, linkMinutes],
    });
    if (link === undefined) throw new WeirError("internal");
    await connection.query({
      text: "delete from auth.signin_links where expires_at < clock.latest() - interval '1 day'",
    });
    await audit("signin_link.create", service.name, { key: key.id });
    return { token, expiresAt: link.expires_at };
  });
}

async function insertSession(
  connection: Queryable,
  { random, env, now }: SessionStore,
  keyId: string,
): Promise<NewSession> {
  const opened = now();
  const [key] = await connection.query<{
    service: string;
    env: string;
    revoked: boolean;
    disabled: boolean;
    expired: boolean;
  }>({
    text: `select s.name as service, k.env, k.revoked_at is not null as revoked,
             s.disabled_at is not null as disabled, coalesce(k.expires_at <= $2, false) as expired
           from auth.keys k join auth.services s on s.id = k.service_id where k.id = $1`,
    values: [keyId, new Date(opened)],
  });
  if (key === undefined || key.env !== env) throw new WeirError("unauthenticated");
  if (key.revoked || key.disabled) throw new WeirError("key_revoked");
  if (key.expired) throw new WeirError("key_expired");
  const token = randomText(tokenLength, random);
  const csrfToken = randomText(tokenLength, random);
  const [session] = await connection.query<{ expires_at: Date }>({
    text: `insert into auth.sessions (token_hash, key_id, csrf_token, expires_at)
           select $1, id, $3, least(expires_at, $4::timestamptz)
           from auth.keys where id = $2 returning expires_at`,
    values: [hashSecret(token), keyId, csrfToken, new Date(opened + sessionMs)],
  });
  if (session === undefined) throw new WeirError("internal");
  await connection.query({
    text: "delete from auth.sessions where expires_at < $1",
    values: [new Date(opened)],
  });
  await writeAudit(connection, {
    actor: `${key.service}/${keyId}`,
    action: "session.create",
    subject: key.service,
    detail: {},
  });
  return { token, csrfToken, expiresAt: session.expires_at };
}
