import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { Signer } from "../security/cookies.ts";
import { readEmail, userIdOf } from "./email.ts";
import { SignInLinks } from "./links.ts";

const target = { email: "ada@example.com", returnTo: "/checkout" };

test("a link works once; opening it does not use it", () => {
  const links = new SignInLinks({ now: () => 0, minutes: 15, capacity: 10 });
  const token = links.create(target);
  assert.equal(links.isOpen(token), true);
  assert.equal(links.isOpen(token), true);
  assert.deepEqual(links.take(token), target);
  assert.equal(links.take(token), undefined);
  assert.equal(links.isOpen(token), false);
  assert.equal(links.take("another token"), undefined);
});

test("a link expires, and the oldest makes room", () => {
  let now = 0;
  const links = new SignInLinks({ now: () => now, minutes: 15, capacity: 2 });
  const [first = "", second = "", third = ""] = [1, 2, 3].map(() => links.create(target));
  assert.equal(links.isOpen(first), false);
  now = 15 * 60_000 - 1;
  assert.deepEqual(links.take(second), target);
  now += 1;
  assert.equal(links.take(third), undefined);
});

test("the store has no token, only what cannot be turned back into one", () => {
  const links = new SignInLinks({ now: () => 0, minutes: 15, capacity: 10 });
  const token = links.create(target);
  assert.equal(Buffer.from(token, "base64url").length, 32);
  const shown = inspect(links, { depth: 9, showHidden: true });
  assert.equal(shown.includes(token), false);
});

test("an address has one form, and a user id that does not show it", () => {
  assert.equal(readEmail("  Ada@Example.COM "), "ada@example.com");
  for (const bad of [
    null,
    "",
    "ada",
    "ada@",
    "a b@c.de",
    "a@b.c,d@e.fg",
    "<a@b.cd>",
    "a@b",
    "a\r\nb@c.de",
  ]) {
    assert.equal(readEmail(bad), undefined, String(bad));
  }
  const signer = new Signer("0123456789abcdef0123456789abcdef");
  const id = userIdOf(signer, "ada@example.com");
  assert.equal(userIdOf(signer, "ada@example.com"), id);
  assert.match(id, /^shopper-[\w-]{22}$/);
  assert.notEqual(userIdOf(signer, "eve@example.com"), id);
  assert.notEqual(userIdOf(new Signer("x".repeat(32)), "ada@example.com"), id);
});
