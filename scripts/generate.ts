/**
 * The committed files that are generated from the code: `generate.ts` writes them, `generate.ts --check`
 * fails when one differs from what the code would write.
 */
import { execFile } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { dumpSchema } from "../server/src/adapters/postgres/dump-schema.ts";
import { createTestDatabase } from "../testing/database.ts";
import { biomeBoundaries } from "./boundaries/biome-overrides.ts";
import { firstDifference } from "./first-difference.ts";
import { shopCatalogue } from "./shop-catalogue.ts";
import { sparkSchema } from "./spark-schema.ts";

const root = join(import.meta.dirname, "..");

const generated: Readonly<Record<string, () => Promise<string>>> = {
  "biome.boundaries.json": async () => biomeBoundaries(),
  "server/openapi.json": () => printedBy("openapi"),
  "server/asyncapi.json": () => printedBy("asyncapi"),
  "docs/configuration.md": () => printedBy("config", "docs"),
  "server/sql/schema.sql": migratedSchema,
  "jobs/spark/src/weir_spark/event_schema.py": async () => sparkSchema(),
  "shop/data/catalogue.ndjson": shopCatalogue,
};

const onlyCheck = process.argv.includes("--check");
const problems: string[] = [];
for (const [file, make] of Object.entries(generated)) {
  const problem = await writeOrCompare(file, make);
  if (problem !== undefined) problems.push(`${file}: ${problem}`);
}
for (const problem of problems) console.error(problem);
if (problems.length > 0 && onlyCheck) console.error("To update them: npm run generate");
const count = Object.keys(generated).length;
console.log(`${count} generated files ${onlyCheck ? "compared" : "written"}`);
process.exitCode = problems.length === 0 ? 0 : 1;

async function writeOrCompare(
  file: string,
  make: () => Promise<string>,
): Promise<string | undefined> {
  const path = join(root, file);
  let made: string;
  try {
    made = await make();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  if (made.trim() === "") return "the generator returned nothing";
  if (!onlyCheck) {
    writeFileSync(path, made);
    return undefined;
  }
  return existsSync(path)
    ? firstDifference(readFileSync(path, "utf8"), made)
    : "the file is missing";
}

/** The output of a command of Weir. */
async function printedBy(...command: string[]): Promise<string> {
  const main = join(root, "server", "src", "main.ts");
  const { stdout } = await promisify(execFile)(process.execPath, [main, ...command], {
    cwd: root,
    timeout: 60_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}

/** The schema of a new database after all migrations, read from its catalogs. */
async function migratedSchema(): Promise<string> {
  const cleanUps: (() => void | Promise<void>)[] = [];
  try {
    const { owner } = await createTestDatabase({ after: (work) => void cleanUps.push(work) });
    return await dumpSchema(owner);
  } finally {
    for (const cleanUp of cleanUps.reverse()) await cleanUp();
  }
}
