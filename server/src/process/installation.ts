/** What an installation needs before its parts start: tables, roles, the first keys. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { migrate } from "../adapters/postgres/migrate.ts";
import { openPool } from "../adapters/postgres/pool.ts";
import type { Config } from "../config/schema.ts";
import { keyEnvironment, localActor } from "../parts/auth/administration.ts";
import { ensureAdminKey, ensureDemoKey } from "../parts/auth/bootstrap.ts";
import { createKey } from "../parts/auth/keys.ts";
import { readPolicies } from "../parts/auth/policies.ts";
import { applyPolicies } from "../parts/auth/roles.ts";
import { createService, listServices } from "../parts/auth/services.ts";
import { createSigninLink } from "../parts/auth/sessions.ts";
import { demoSources } from "../parts/demo/demo-event.ts";
import type { DatabaseUrls } from "./databases.ts";
import { policiesFolder } from "./paths.ts";
import { readSecretFile, writeSecretFile } from "./run-file.ts";

/** The demo's senders: each a service with a key of its own, as in a real shop. */
export const demoServices = demoSources;

export interface KeyFile {
  readonly file: string;
  /** undefined when the key was made elsewhere and the file is not here. */
  readonly key: string | undefined;
  readonly isNew: boolean;
}

export interface Installation {
  readonly migrations: readonly string[];
  readonly postgresVersion: string;
  readonly adminKey: KeyFile;
  readonly demoKey: KeyFile | undefined;
  /** By service; what the demo's traffic sends with. */
  readonly senderKeys: Readonly<Record<string, string>>;
  /** Goes behind the `#` of the sign-in page's address; undefined when admin has no usable key. */
  readonly signInToken: string | undefined;
}

/** Migrates, applies the role files and makes the first keys. Safe to run at every start. */
export async function prepareInstallation(
  config: Config,
  urls: DatabaseUrls,
): Promise<Installation> {
  const migrations = await migrate({ url: urls.owner });
  await using database = openPool({ url: urls.owner, applicationName: "weir setup", max: 2 });
  const env = keyEnvironment(config.env);
  const setup = { database, env, random: randomBytes };
  await applyPolicies(setup, await readPolicies(policiesFolder));

  const keysFolder = join(config.data_dir, "keys");
  const adminKey = keep(join(keysFolder, "admin.key"), (await ensureAdminKey(setup)).key);
  let demoKey: KeyFile | undefined;
  const senderKeys: Record<string, string> = {};
  if (config.demo.enabled) {
    const made = await ensureDemoKey(setup);
    if (made !== undefined) demoKey = keep(join(keysFolder, "demo.key"), made.key);
    const administration = { ...setup, actor: localActor("first start") };
    const known = new Set((await listServices(database)).map(({ name }) => name));
    for (const name of demoServices) {
      const file = join(keysFolder, `${name}.key`);
      if (!known.has(name)) await createService(administration, { name, role: "service" });
      const present = readSecretFile(file);
      senderKeys[name] = present ?? (await newSenderKey(file, name, administration));
    }
  }
  const [row] = await database.query<{ version: string }>({
    text: "select split_part(current_setting('server_version'), ' ', 1) as version",
  });
  const link = await createSigninLink(
    { ...setup, actor: localActor("weir up") },
    { service: "admin" },
  ).catch(() => undefined);
  return {
    migrations,
    postgresVersion: row?.version ?? "?",
    adminKey,
    demoKey,
    senderKeys,
    signInToken: link?.token,
  };
}

async function newSenderKey(
  file: string,
  service: string,
  administration: Parameters<typeof createKey>[0],
): Promise<string> {
  const { secret_key: key } = await createKey(administration, { service, label: "demo traffic" });
  writeSecretFile(file, key);
  return key;
}

function keep(file: string, made: string | undefined): KeyFile {
  if (made !== undefined) writeSecretFile(file, made);
  return { file, key: made ?? readSecretFile(file), isNew: made !== undefined };
}
