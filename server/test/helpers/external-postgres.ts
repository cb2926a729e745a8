/** A PostgreSQL as an operator runs it: reached over TCP, with passwords, and nothing of Weir in it. */
import { chmod, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { type CleanUp, createTestFolder } from "../../../testing/database.ts";
import { startEmbeddedPostgres } from "../../src/adapters/postgres/embedded.ts";
import { withDatabase } from "../../src/adapters/postgres/location.ts";
import { openPool, type Pool } from "../../src/adapters/postgres/pool.ts";
import { setRolePasswords } from "../../src/adapters/postgres/role-passwords.ts";

export interface ExternalPostgres {
  readonly port: number;
  /** The server's superuser, in the database `postgres`. */
  readonly superuser: Pool;
  /** The superuser's URL of a database. */
  superuserUrl(database: string): string;
  /** URL over TCP; a password is needed. */
  url(role: string, password: string, database: string): string;
  /** A limited administrator, as a managed service has: CREATEROLE and CREATEDB, no superuser. */
  readonly adminUrl: string;
  /** Drops the databases (which hold rights of the roles) and the roles, for the next attempt. */
  clear(databases: readonly string[], roles: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

export async function startExternalPostgres(
  t: CleanUp,
  settings: Readonly<Record<string, string>> = {},
): Promise<ExternalPostgres> {
  const folder = await createTestFolder(t);
  const hba = join(folder, "hba.conf");
  await writeFile(hba, "local all all peer map=weir\nhost all all 127.0.0.1/32 scram-sha-256\n");
  await chmod(hba, 0o644);
  const port = await freePort();
  const server = await startEmbeddedPostgres({
    dataDir: join(folder, "postgres"),
    durable: false,
    extra: {
      listen_addresses: "127.0.0.1",
      port: String(port),
      hba_file: hba,
      shared_buffers: "64MB",
      ...settings,
    },
  });
  const superuserUrl = (database: string) => withDatabase(server.url, database);
  const superuser = openPool({
    url: superuserUrl("postgres"),
    applicationName: "test superuser",
    max: 1,
  });
  t.after(async () => {
    await superuser.close();
    await server.stop();
  });
  await superuser.query({ text: "drop database weir" });
  await superuser.query({ text: "create role dba login createrole createdb" });
  await setRolePasswords(superuser, { dba: "dba's own" } as Record<string, string>);
  const url = (role: string, password: string, database: string) =>
    `postgresql://${role}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`;
  return {
    port,
    superuser,
    superuserUrl,
    url,
    adminUrl: url("dba", "dba's own", "postgres"),
    async clear(databases, roles) {
      for (const name of databases) {
        await superuser.query({ text: `drop database if exists ${name} with (force)` });
      }
      for (const name of roles) await superuser.query({ text: `drop role if exists ${name}` });
    },
    stop: () => server.stop(),
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
