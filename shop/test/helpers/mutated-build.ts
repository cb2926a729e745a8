/** A copy of the shop with mistakes in it, for controls in which whole services must be wrong. */
import assert from "node:assert/strict";
import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type CleanUp, createTestFolder } from "../../../testing/database.ts";

export interface Mistake {
  /** Below `shop/`. */
  readonly in: string;
  readonly from: string;
  readonly to: string;
}

const root = join(import.meta.dirname, "../../..");
const copied = ["shop/src", "shop/sql", "shop/data", "shop/package.json", "package.json"];

/** Its `main.ts`, to be started as the real one. */
export async function buildShopWith(t: CleanUp, mistakes: readonly Mistake[]): Promise<string> {
  const folder = await createTestFolder(t);
  await mkdir(join(folder, "shop"));
  for (const name of copied) {
    await cp(join(root, name), join(folder, name), { recursive: true });
  }
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  for (const mistake of mistakes) {
    const file = join(folder, "shop", mistake.in);
    const source = await readFile(file, "utf8");
    assert.equal(source.split(mistake.from).length, 2, `${mistake.in} holds ${mistake.from} once`);
    await writeFile(
      file,
      source.replace(mistake.from, () => mistake.to),
    );
  }
  return join(folder, "shop/src/main.ts");
}
