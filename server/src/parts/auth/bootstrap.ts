import {
  type ApiKey,
  displayKey,
  generateApiKey,
  hashSecret,
  secretMatches,
} from "../../core/access/api-key.ts";
import type { Queryable } from "../../core/ports/database.ts";
import { type Administration, change } from "./administration.ts";
import { localActor } from "./bounds.ts";
import { type KeyEntry, obstacle, type Snapshot } from "./snapshot.ts";

export interface EnsuredKey {
  readonly service: string;
  /** The complete key if it was just created, to be shown once; undefined if the service had one. */
  readonly key: string | undefined;
  /** Why the key that was supplied does not work; undefined when none was supplied, or it does. */
  readonly warning: string | undefined;
}

type Bootstrap = Omit<Administration, "actor" | "knownPermissions">;

export interface FirstKey {
  /** A key that the operator chose, instead of a new one. */
  readonly supplied?: (ApiKey & { readonly text: string }) | undefined;
  /**
   * Stores or shows a new key before it is committed: after a crash in between, the next call creates
   * another one, or is supplied the stored one. When it rejects, no key is created.
   */
  readonly deliver?: ((key: string) => Promise<void> | void) | undefined;
}

/**
 * Creates the service `admin` with a key if this installation never had an admin key for this
 * environment; safe to call from several processes at once. If all admin keys were revoked or have
 * expired, none is created: that was a decision, and `weir keys create admin` reverses it.
 */
export async function ensureAdminKey(
  bootstrap: Bootstrap,
  first: FirstKey = {},
): Promise<EnsuredKey> {
  return ensureKey(bootstrap, { service: "admin", role: "admin", ...first });
}

/**
 * The same for the demo. In production there is none (undefined), and a demo key of an earlier start in
 * development is useless, because a key belongs to its environment.
 */
export async function ensureDemoKey(
  bootstrap: Bootstrap,
  first: FirstKey = {},
): Promise<EnsuredKey | undefined> {
  if (bootstrap.env === "prod") return undefined;
  return ensureKey(bootstrap, { service: "demo", role: "demo", ...first });
}

/** The same for a monitoring system, whose key the operator chooses. */
export async function ensureMetricsKey(
  bootstrap: Bootstrap,
  supplied: NonNullable<FirstKey["supplied"]>,
): Promise<EnsuredKey> {
  return ensureKey(bootstrap, { service: "metrics", role: "monitor", supplied });
}

/** Whether `ensureAdminKey` has nothing to do. */
export async function hadAdminKey(database: Queryable, env: string): Promise<boolean> {
  const [row] = await database.query<{ had: boolean }>({
    text: `select exists (
             select from auth.keys k join auth.services s on s.id = k.service_id
             where s.name = 'admin' and k.env = $1
           ) as had`,
    values: [env],
  });
  return row?.had === true;
}

interface EnsuredService extends FirstKey {
  readonly service: string;
  readonly role: string;
}

async function ensureKey(bootstrap: Bootstrap, wanted: EnsuredService): Promise<EnsuredKey> {
  const { service, role, supplied, deliver } = wanted;
  const { env, random } = bootstrap;
  const administration = { ...bootstrap, actor: localActor("first start") };
  const attempt = { action: "key.create", detail: { label: "first start" } };
  return change(administration, attempt, async ({ connection, before, audit }) => {
    if (hadKey(before, { service, env })) {
      return { service, key: undefined, warning: mistakeOf(supplied, { before, service }) };
    }
    const other = before.keys.get(supplied?.id ?? "");
    if (other !== undefined) {
      const name = displayKey(other.env, other.id);
      throw new Error(`the key ${name} belongs to the service ${other.service.name}`);
    }
    const made = await connection.query({
      text: `insert into auth.services (name, role) values ($1, $2)
             on conflict (name) do nothing returning id`,
      values: [service, role],
    });
    if (made.length > 0) await audit("service.create", service, { role });
    const { id, secret, text } = supplied ?? generateApiKey(env, random);
    const label = supplied === undefined ? "first start" : "supplied by the operator";
    await connection.query({
      text: `insert into auth.keys (id, env, service_id, secret_hash, label)
             select $1, $2, id, $3, $5 from auth.services where name = $4`,
      values: [id, env, hashSecret(secret), service, label],
    });
    await audit("key.create", service, { key: id, label });
    if (supplied === undefined) await deliver?.(text);
    return { service, key: supplied === undefined ? text : undefined, warning: undefined };
  });
}

function hadKey(
  { keys }: Snapshot,
  { service, env }: { readonly service: string; readonly env: string },
): boolean {
  return [...keys.values()].some((key) => key.service.name === service && key.env === env);
}

/** Why a supplied key cannot be used by an installation that has a key already. */
function mistakeOf(
  supplied: ApiKey | undefined,
  { before, service }: { readonly before: Snapshot; readonly service: string },
): string | undefined {
  if (supplied === undefined) return undefined;
  const name = displayKey(supplied.env, supplied.id);
  const entry: KeyEntry | undefined = before.keys.get(supplied.id);
  if (entry === undefined || !secretMatches(supplied.secret, entry.secretHash)) {
    return `the key ${name} was not added: the service ${service} has a key already; "weir keys create ${service}" creates more`;
  }
  if (entry.service.name !== service) return `the key ${name} belongs to ${entry.service.name}`;
  const reason = obstacle(entry, Date.now());
  return reason === undefined ? undefined : `the key ${name} is ${reason}`;
}
