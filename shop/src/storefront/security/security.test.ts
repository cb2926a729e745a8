import assert from "node:assert/strict";
import { test } from "node:test";
import { readCookies, Signer, writeCookie } from "./cookies.ts";
import { csrfToken, isOwnForm } from "./csrf.ts";
import { RateLimit } from "./rate-limit.ts";
import { safePath } from "./safe-path.ts";

const signer = new Signer("0123456789abcdef0123456789abcdef");

test("a signed value opens for its purpose alone, and only unchanged and with its key", () => {
  const sealed = signer.seal("user", { id: "u1" });
  assert.deepEqual(signer.open("user", sealed), { id: "u1" });
  assert.equal(signer.open("cart", sealed), undefined);
  assert.equal(new Signer("x".repeat(32)).open("user", sealed), undefined);
  const forged = Buffer.from('{"id":"u2"}').toString("base64url");
  const mac = sealed.split(".")[1];
  for (const bad of [
    `${forged}.${mac}`,
    forged,
    `${sealed}.`,
    `.${mac}`,
    "",
    undefined,
    `${sealed}x`,
  ]) {
    assert.equal(signer.open("user", bad), undefined, bad);
  }
});

test("cookies are read as browsers send them; a written one is out of reach of scripts and other sites", () => {
  const cookies = readCookies("a=1; b=x=y;c=3; a=2; =z; d");
  assert.deepEqual(
    [...cookies],
    [
      ["a", "1"],
      ["b", "x=y"],
      ["c", "3"],
    ],
  );
  assert.equal(readCookies(undefined).size, 0);
  assert.equal(
    writeCookie("a", "1", { secure: true, maxAgeSeconds: 60 }),
    "a=1; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure",
  );
});

test("no return address leads to another site", () => {
  const hostile = [
    "https://evil.example",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "javascript:alert(1)",
    " //evil.example",
    "evil.example",
    "",
    `/${"a".repeat(1_000)}`,
  ];
  for (const path of hostile) assert.equal(safePath(path), "/", path);
  assert.equal(safePath(null), "/");
  assert.equal(
    safePath("/products?category=Home&after=a%2Fb#top"),
    "/products?category=Home&after=a%2Fb",
  );
  // resolved as a browser resolves it, it stays here
  assert.equal(safePath("/a/..//evil.example").startsWith("//"), false);
});

test("a form counts with its visitor's token, from this site", () => {
  const expected = csrfToken(signer, "v1", undefined);
  const form = {
    token: expected,
    expected,
    origin: "http://shop:1",
    fetchSite: "same-origin",
    host: "shop:1",
  };
  assert.equal(isOwnForm(form), true);
  assert.equal(isOwnForm({ ...form, origin: undefined, fetchSite: undefined }), true);
  assert.equal(isOwnForm({ ...form, origin: "null" }), true);
  assert.equal(isOwnForm({ ...form, token: null }), false);
  assert.equal(isOwnForm({ ...form, token: csrfToken(signer, "v2", undefined) }), false);
  assert.equal(isOwnForm({ ...form, token: csrfToken(signer, "v1", "u1") }), false);
  assert.equal(isOwnForm({ ...form, origin: "http://evil.example" }), false);
  assert.equal(isOwnForm({ ...form, fetchSite: "cross-site" }), false);
  assert.equal(isOwnForm({ ...form, fetchSite: "same-site" }), false);
});

test("a caller has its burst, and attempts come back with time; memory is bounded", () => {
  const limit = new RateLimit({ burst: 3, refillMs: 1_000, memory: 2 });
  const attempts = (caller: string, at: number) => limit.allow(caller, at);
  assert.deepEqual(
    [0, 1, 2, 3].map(() => attempts("a", 0)),
    [true, true, true, false],
  );
  assert.equal(attempts("b", 0), true);
  assert.equal(attempts("a", 500), false);
  assert.equal(attempts("a", 1_000), true);
  assert.equal(attempts("a", 1_000), false);
  assert.equal(attempts("c", 1_000), true); // b is forgotten
  assert.deepEqual(
    [0, 1, 2].map(() => attempts("b", 1_000)),
    [true, true, true],
  );
  // a clock that steps back gives nothing and takes nothing
  assert.equal(attempts("b", 0), false);
});
