import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { bytesFile, compileKernel } from "./kernel-compile.ts";

test("the committed bytes are those of kernel.wat", async () => {
  assert.equal(await readFile(bytesFile, "utf8"), await compileKernel());
});
