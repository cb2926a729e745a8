import { generateApiKey, hashSecret } from "../../core/access/api-key.ts";
import { type Administration, change } from "./administration.ts";
import { localActor } from "./bounds.ts";

export interface EnsuredKey {
  readonly service: string;
  /** The complete key if it was just created, to be shown once; undefined if the service had one. */
  readonly key: string | undefined;
}

type Bootstrap = Omit<Administration, "actor" | "knownPermissions">;

/**
 * Creates the service `admin` with a key if this installation never had an admin key for this
 * environment; safe to call from several processes at once. If all admin keys were revoked or have
 * expired, none is created: that was a decision, and `weir keys create admin` reverses it.
 */
export async function ensureAdminKey(bootstrap: Bootstrap): Promise<EnsuredKey> {
  return ensureKey(bootstrap, { service: "admin", role: "admin" });
}

/**
 * The same for the demo. In production there is none (undefined), and a demo key of an earlier start in
 * development is useless, because a key belongs to its environment.
 */
export async function ensureDemoKey(bootstrap: Bootstrap): Promise<EnsuredKey | undefined> {
  if (bootstrap.env === "prod") return undefined;
  return ensureKey(bootstrap, { service: "demo", role: "demo" });
}

async function ensureKey(
  bootstrap: Bootstrap,
  { service, role }: { readonly service: string; readonly role: string },
): Promise<EnsuredKey> {
  const { env, random } = bootstrap;
  const administration = { ...bootstrap, actor: localActor("first start") };
  const attempt = { action: "key.create", detail: { label: "first start" } };
  return change(administration, attempt, async ({ connection, before, audit }) => {
    for (const key of before.keys.values()) {
      if (key.service.name === service && key.env === env) return { service, key: undefined };
    }
    const made = await connection.query({
      text: `insert into auth.services (name, role) values ($1, $2)
             on conflict (name) do nothing returning id`,
      values: [service, role],
    });
    if (made.length > 0) await audit("service.create", service, { role });
    const { id, secret, text } = generateApiKey(env, random);
    await connection.query({
      text: `insert into auth.keys (id, env, service_id, secret_hash, label)
             select $1, $2, id, $3, 'first start' from auth.services where name = $4`,
      values: [id, env, hashSecret(secret), service],
    });
    await audit("key.create", service, { key: id, label: "first start" });
    return { service, key: text };
  });
}
