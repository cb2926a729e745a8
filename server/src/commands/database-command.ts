import { randomBytes } from "node:crypto";
import { userInfo } from "node:os";
import type { Command } from "commander";
import { openPool, type Pool } from "../adapters/postgres/pool.ts";
import type { Config } from "../config/schema.ts";
import { type Administration, keyEnvironment } from "../parts/auth/administration.ts";
import { localActor } from "../parts/auth/bounds.ts";
import { configuredUrls } from "../process/databases.ts";
import { readRunFile } from "../process/run-file.ts";
import { type CommandContext, contextOf, UserError } from "./context.ts";
import { demandUrls } from "./database-urls.ts";

export interface DatabaseContext extends CommandContext {
  readonly database: Pool;
}

/** Runs `work` with the database of the installation: the configured one, or that of a running Weir. */
export async function withDatabase(
  command: Command,
  work: (context: DatabaseContext) => Promise<void>,
): Promise<void> {
  const context = contextOf(command);
  await using database = openPool({
    url: databaseUrl(context.config),
    applicationName: `weir ${command.name()}`,
    max: 2,
    statementTimeoutMs: 600_000,
  });
  await work({ ...context, database });
}

export function databaseUrl(config: Config): string {
  const configured = configuredUrls(config);
  if (configured !== undefined) return demandUrls(configured, ["owner"]).owner;
  const url = readRunFile(config.data_dir)?.database_url;
  if (url !== undefined) return url;
  throw new UserError(`no Weir is running on ${config.data_dir}, and no database is configured`, {
    hint: 'start one with "weir up", name another folder with --data, or set WEIR_DATABASE_URL',
  });
}

/** For changes to services, keys and permissions, recorded under the name of the user at the terminal. */
export function administrationFor({ config, database }: DatabaseContext): Administration {
  return {
    database,
    env: keyEnvironment(config.env),
    random: randomBytes,
    actor: localActor(`cli:${userInfo().username}`),
  };
}

/** The permission names of all routes, to detect misspelt ones. Opens no connection. */
export async function knownPermissions(config: Config): Promise<readonly string[]> {
  const { listRoutes } = await import("../compose/route-list.ts");
  return (await listRoutes(config)).permissions;
}
