/**
 * Refuses SQL that names schemas of another room: in the literals of `server/src` and in the functions of
 * `server/sql/functions`. Who owns and who may name what: `boundaries/database-rooms.ts`.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { checkSchemas, type SourceFile } from "./boundaries/check-schemas.ts";
import { databaseRooms } from "./boundaries/database-rooms.ts";
import { readCatalog } from "./boundaries/sql-access.ts";

const root = join(import.meta.dirname, "..");

function read(folder: string, wanted: (path: string) => boolean): SourceFile[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter(wanted)
    .sort()
    .map((name) => {
      const path = join(root, folder, name);
      return { path: relative(root, path).replaceAll(sep, "/"), text: readFileSync(path, "utf8") };
    });
}

const sources = read("server/src", (path) => path.endsWith(".ts") && !path.endsWith(".test.ts"));
const functions = read("server/sql/functions", (path) => path.endsWith(".sql"));
const catalog = readCatalog(readFileSync(join(root, "server/sql/schema.sql"), "utf8"));
const { problems, statements } = checkSchemas([...sources, ...functions], catalog, databaseRooms);
for (const problem of problems) console.error(problem);
console.log(`${statements} SQL statements of ${sources.length + functions.length} files compared`);
process.exitCode = problems.length === 0 ? 0 : 1;
