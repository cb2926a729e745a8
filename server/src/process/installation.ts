/** What an installation needs before its parts start: tables, roles, the first keys. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { openPool } from "../adapters/postgres/pool.ts";
import type { Config } from "../config/schema.ts";
import { type Administration, keyEnvironment } from "../parts/auth/administration.ts";
import { ensureDemoKey } from "../parts/auth/bootstrap.ts";
import { localActor } from "../parts/auth/bounds.ts";
import { createKey } from "../parts/auth/keys.ts";
import { createService, listServices } from "../parts/auth/services.ts";
import { createSigninLink } from "../parts/auth/sessions.ts";
import { type DemoSource, demoSources } from "../parts/demo/demo-event.ts";
import type { DatabaseUrls } from "./databases.ts";
import { firstKeyOf } from "./first-key.ts";
import { prepareDatabase } from "./prepare-database.ts";
import { readSecretFile, writeSecretFile } from "./run-file.ts";

export interface KeyFile {
  readonly file: string;
  /** undefined when the key was created on another machine and there is no file here. */
  readonly key: string | undefined;
  /** It was created at this start. */
  readonly isNew: boolean;
}

export interface Installation {
  readonly migrations: readonly string[];
  readonly postgresVersion: string;
  readonly adminKey: KeyFile;
  readonly demoKey: KeyFile | undefined;
  /** Belongs after the `#` of the sign-in page's URL; undefined when admin has no usable key. */
  readonly signInToken: string | undefined;
}

/** Prepares the database and creates the first keys. Safe to run at every start. */
export async function prepareInstallation(
  config: Config,
  urls: DatabaseUrls,
): Promise<Installation> {
  const keysFolder = join(config.data_dir, "keys");
  const adminFile = keyFile(keysFolder, "admin");
  const { migrations, adminKey } = await prepareDatabase({
    config,
    owner: urls.owner,
    firstKey:
      config.admin_key === null
        ? { deliver: (key) => writeSecretFile(adminFile, key) }
        : firstKeyOf(config, {}),
  });
  await using database = openPool({ url: urls.owner, applicationName: "weir setup", max: 2 });
  const env = keyEnvironment(config.env);
  const setup = { database, env, random: randomBytes };
  const demoKey = config.demo.enabled ? await prepareDemo(setup, keysFolder) : undefined;
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
    adminKey: keyIn(adminFile, adminKey.key !== undefined),
    demoKey,
    signInToken: link?.token,
  };
}

/** The demo's reader key, and a service with a key of its own for each of its senders. */
async function prepareDemo(
  setup: Omit<Administration, "actor">,
  keysFolder: string,
): Promise<KeyFile | undefined> {
  const demoFile = keyFile(keysFolder, "demo");
  const demo = await ensureDemoKey(setup, { deliver: (key) => writeSecretFile(demoFile, key) });
  const administration = { ...setup, actor: localActor("first start") };
  const known = new Set((await listServices(setup.database)).map(({ name }) => name));
  for (const service of demoSources) {
    if (!known.has(service))
      await createService(administration, { name: service, role: "service" });
    const file = keyFile(keysFolder, service);
    if (readSecretFile(file) !== undefined) continue;
    const { secret_key: key } = await createKey(administration, { service, label: "demo traffic" });
    writeSecretFile(file, key);
  }
  return demo === undefined ? undefined : keyIn(demoFile, demo.key !== undefined);
}

/**
 * The keys of the demo's senders, by service.
 * @throws Error when one is missing
 */
export function readDemoKeys(dataDir: string): Readonly<Record<DemoSource, string>> {
  const entries = demoSources.map((service) => {
    const key = readSecretFile(keyFile(join(dataDir, "keys"), service));
    if (key !== undefined) return [service, key] as const;
    throw new Error(
      `there is no key of ${service}; "weir up" creates the keys of the demo when the demo is enabled`,
    );
  });
  return Object.fromEntries(entries) as Record<DemoSource, string>;
}

function keyFile(keysFolder: string, service: string): string {
  return join(keysFolder, `${service}.key`);
}

function keyIn(file: string, isNew: boolean): KeyFile {
  return { file, key: readSecretFile(file), isNew };
}
