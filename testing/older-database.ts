/** A database as an older Weir left it, to be brought up to date with `migrate`. */
import { cp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { withDatabase } from "../server/src/adapters/postgres/location.ts";
import { migrate, migrationsFolder } from "../server/src/adapters/postgres/migrate.ts";
import { openPool, type Pool } from "../server/src/adapters/postgres/pool.ts";
import { type CleanUp, createTestDatabase, createTestFolder } from "./database.ts";

/** @param before the number of the first migration that it has not seen, e.g. `0022` */
export async function createOlderDatabase(
  t: CleanUp,
  before: string,
): Promise<{ readonly url: string; readonly database: Pool }> {
  const { owner, urls, name } = await createTestDatabase(t);
  const older = `${name}_older`;
  await owner.query({ text: `create database ${older} template template0` });
  const url = withDatabase(urls.owner, older);
  const database = openPool({ url, max: 1, applicationName: "older" });
  t.after(async () => {
    await database.close();
    await owner.query({ text: `drop database ${older} with (force)` });
  });
  const folder = await createTestFolder(t);
  const seen = (await readdir(migrationsFolder)).filter((file) => file < before);
  for (const file of seen) await cp(join(migrationsFolder, file), join(folder, file));
  await migrate({ url, folder });
  return { url, database };
}
