/** A database as an older Weir left it, before functions lived in files, to be upgraded with `migrate`. */
import { cp, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { withDatabase } from "../server/src/adapters/postgres/location.ts";
import { migrate, sqlFolder } from "../server/src/adapters/postgres/migrate.ts";
import { openPool, type Pool } from "../server/src/adapters/postgres/pool.ts";
import { type CleanUp, createTestDatabase, createTestFolder } from "./database.ts";

/** @param before the number of the first migration that is not applied, e.g. `0022` */
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
  const migrations = join(sqlFolder, "migrations");
  const seen = (await readdir(migrations)).filter((file) => file < before);
  await mkdir(join(folder, "migrations"));
  for (const file of seen) await cp(join(migrations, file), join(folder, "migrations", file));
  await migrate({ url, folder });
  return { url, database };
}
