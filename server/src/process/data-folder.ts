import { accessSync, constants, existsSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Creates the folder when it is missing. It creates one level after the other: with `recursive`,
 * Node.js 24 never returns from a path below `/proc`.
 * @throws Error when it cannot be created or written
 */
export function createDataFolder(folder: string): void {
  const missing: string[] = [];
  let existing = folder;
  while (!existsSync(existing)) {
    missing.push(existing);
    existing = dirname(existing);
  }
  if (!statSync(existing).isDirectory()) throw new Error(`${existing} is not a folder`);
  for (const level of missing.reverse()) mkdirSync(level);
  accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
}
