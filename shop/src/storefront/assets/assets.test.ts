import assert from "node:assert/strict";
import { test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { loadAssets } from "./assets.ts";

test("scripts have no types left, and import nothing that is not served", () => {
  const { files, script, modules } = loadAssets();
  assert.ok(modules.length >= 8, "the SDK and the scripts of the page");
  for (const path of [script, ...modules]) {
    const source = files.get(path)?.plain.toString() ?? assert.fail(path);
    assert.doesNotMatch(source, /\binterface \w+ \{|import type/, path);
    for (const [, specifier = ""] of source.matchAll(/\bfrom\s*"([^"]+)"/g)) {
      const target = new URL(specifier, `http://shop${path}`).pathname;
      assert.ok(files.has(target), `${path} imports ${specifier}`);
    }
  }
});

test("every file has its compressed forms; the style sheet is small", () => {
  const { files, style, icon } = loadAssets();
  for (const [path, { plain, gzip, brotli }] of files) {
    assert.deepEqual(gunzipSync(gzip), plain, path);
    assert.deepEqual(brotliDecompressSync(brotli), plain, path);
  }
  const size = (path: string) => files.get(path)?.plain.length ?? assert.fail(path);
  assert.ok(size(style) < 30_000);
  assert.ok(size(icon) > 0);
});

test("the same files have the same addresses, so that browsers keep them", () => {
  assert.deepEqual([...loadAssets().files.keys()], [...loadAssets().files.keys()]);
});
