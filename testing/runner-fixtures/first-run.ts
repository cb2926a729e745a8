import { existsSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

/** Whether the file runs for the first time in this run of `scripts/run-tests.ts`, by a mark in a folder. */
export function isFirstRun(file: string): boolean {
  const mark = join(process.env["WEIR_FIXTURE_FOLDER"] ?? "", basename(file));
  if (existsSync(mark)) return false;
  writeFileSync(mark, "");
  return true;
}
