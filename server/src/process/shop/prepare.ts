/** What the shop needs before its services start: databases with their owners, and services of Weir with their keys. */
import { randomBytes } from "node:crypto";
import { withDatabase, withRole } from "../../adapters/postgres/location.ts";
import { openPool } from "../../adapters/postgres/pool.ts";
import {
  ensureSeparation,
  type SeparateDatabase,
} from "../../adapters/postgres/separate-databases.ts";
import type { Config } from "../../config/schema.ts";
import { DatabaseError } from "../../core/ports/database.ts";
import { keyEnvironment } from "../../parts/auth/administration.ts";
import { localActor } from "../../parts/auth/bounds.ts";
import { createKey } from "../../parts/auth/keys.ts";
import { createService, listServices } from "../../parts/auth/services.ts";
import type { DatabaseUrls } from "../databases.ts";
import { readSecretFile, writeSecretFile } from "../run-file.ts";
import { shopKeyFile, shopSecrets } from "./secrets.ts";
import { busDatabase, busGuests, type ShopSender, shopDatabases, shopSenders } from "./services.ts";

interface PrepareOptions {
  readonly config: Config;
  readonly urls: Pick<DatabaseUrls, "owner">;
  /** Its whole server belongs to Weir: also the databases that nothing uses are closed. */
  readonly isEmbedded: boolean;
}

/**
 * Safe to run at every start.
 * @returns the statements that changed the server
 * @throws Error that names a missing right of the owner of Weir's database
 */
export async function prepareShop({ config, urls, isEmbedded }: PrepareOptions): Promise<string[]> {
  await using owner = openPool({ url: urls.owner, applicationName: "weir shop setup", max: 2 });
  const [row] = await owner.query<{ name: string }>({ text: "select current_database() as name" });
  const done = await ensureSeparation(owner, {
    databases: separateDatabases(config),
    closed: [row?.name ?? "", ...(isEmbedded ? unusedDatabases : [])],
    accepts: ({ name, password }) => isAccepted(shopDatabaseUrl(urls.owner, { name, password })),
  });
  const setup = { database: owner, env: keyEnvironment(config.env), random: randomBytes };
  const administration = { ...setup, actor: localActor("shop setup") };
  const known = new Set((await listServices(owner)).map(({ name }) => name));
  for (const [service, role] of Object.entries(shopSenders)) {
    if (!known.has(service)) await createService(administration, { name: service, role });
    const file = shopKeyFile(config.data_dir, service as ShopSender);
    if (readSecretFile(file) !== undefined) continue;
    const { secret_key: key } = await createKey(administration, { service, label: "shop" });
    writeSecretFile(file, key);
  }
  return done;
}

const unusedDatabases = ["postgres", "template1"];

export function separateDatabases({ data_dir }: Pick<Config, "data_dir">): SeparateDatabase[] {
  const { passwords } = shopSecrets(data_dir);
  return [...shopDatabases, busDatabase].map((name) => ({
    name,
    password: passwords[name] ?? "",
    guests: name === busDatabase ? busGuests : [],
  }));
}

/** The URL of a database of the shop, on Weir's server. `role` defaults to its owner. */
export function shopDatabaseUrl(
  weirs: string,
  {
    name,
    role = name,
    password,
  }: { readonly name: string; readonly role?: string; readonly password: string },
): string {
  return withRole(withDatabase(weirs, name), role, password);
}

const refusedLogin = new Set(["28P01", "28000"]);

async function isAccepted(url: string): Promise<boolean> {
  await using pool = openPool({ url, applicationName: "weir shop login", max: 1 });
  try {
    await pool.query({ text: "select" });
    return true;
  } catch (error) {
    if (error instanceof DatabaseError && refusedLogin.has(error.code)) return false;
    throw error;
  }
}
