import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { bytesFile, compileKernel } from "./kernel-compile.ts";

const adapters = join(import.meta.dirname, "..", "..", "..");

for (const folder of ["vectors/embedded/index", "embeddings/lsa"]) {
  test(`the committed bytes are those of kernel.wat in ${folder}`, async () => {
    const room = join(adapters, folder);
    assert.equal(await readFile(bytesFile(room), "utf8"), await compileKernel(room));
  });
}
