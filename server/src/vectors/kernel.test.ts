import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { bytesFile, compileKernel } from "./kernel-compile.ts";

for (const name of ["vectors", "embeddings"]) {
  test(`the committed bytes are those of kernel.wat in ${name}`, async () => {
    const room = join(import.meta.dirname, "..", name);
    assert.equal(await readFile(bytesFile(room), "utf8"), await compileKernel(room));
  });
}
