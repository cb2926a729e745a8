/** Which version wrote a data folder, so that an older one refuses it before it starts PostgreSQL. */
import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sqlFolder } from "../adapters/postgres/migrate.ts";
import { version } from "./version.ts";

const name = "format.json";

interface Format {
  readonly version: string;
  /** The number of the newest migration. */
  readonly migration: number;
}

/** Undefined for a new folder, and for one of a version that wrote no such file. */
export function readFormat(
  folder: string,
): { readonly version: string; readonly isNewer: boolean } | undefined {
  try {
    const format = JSON.parse(readFileSync(join(folder, name), "utf8")) as Format;
    return { version: format.version, isNewer: format.migration > newestMigration() };
  } catch {
    return undefined;
  }
}

/** Records that the migrations of this version are applied. */
export function writeFormat(folder: string): void {
  const format: Format = { version, migration: newestMigration() };
  const path = join(folder, name);
  writeFileSync(`${path}.new`, `${JSON.stringify(format)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

function newestMigration(): number {
  const numbers = readdirSync(join(sqlFolder, "migrations")).map((file) =>
    Number(file.slice(0, 4)),
  );
  return Math.max(0, ...numbers.filter(Number.isInteger));
}
