import assert from "node:assert/strict";
import { test } from "node:test";
import { Signer } from "../security/cookies.ts";
import { eventOf } from "./events.ts";
import { type Remember, readVisit, visitCookies } from "./visit.ts";

let now = Date.parse("2026-01-15T10:30:00Z");
let ids = 0;
const context = {
  signer: new Signer("0123456789abcdef0123456789abcdef"),
  secure: false,
  newId: () => `id-${++ids}`,
  now: () => now,
};

/** The `Cookie` header of a browser that got these cookies. */
function remembered(remember: Remember, cookie?: string): string {
  const visit = readVisit(context, { cookie }, "/");
  return visitCookies(context, visit, remember)
    .filter((one) => !/Max-Age=0/.test(one))
    .map((one) => one.split(";")[0])
    .join("; ");
}

test("a visit is recognised by its cookies", () => {
  const user = { id: "u1", email: "ada@example.com" };
  const cart = { id: "c1", count: 2 };
  const cookie = remembered({ user, cart, seen: ["a", "b"], language: "tr", inbox: "x@y.zz" });
  const visit = readVisit(context, { cookie, "accept-language": "en" }, "/cart");
  assert.deepEqual(visit.user, user);
  assert.deepEqual(visit.cart, cart);
  assert.deepEqual(visit.seen, ["a", "b"]);
  assert.equal(visit.language, "tr");
  assert.equal(visit.inbox, "x@y.zz");
  const again = readVisit(context, { cookie }, "/");
  assert.equal(again.visitorId, visit.visitorId);
  assert.equal(again.sessionId, visit.sessionId);
  assert.equal(again.csrf, visit.csrf);
  assert.notEqual(again.csrf, readVisit(context, {}, "/").csrf);
});

test("cookies that the shop did not sign, and signed ones under another name, count as absent", () => {
  const cookie = remembered({ user: { id: "u1", email: "a@b.cd" }, cart: { id: "c1", count: 1 } });
  const swapped = cookie.replace("shop_cart=", "shop_user=").replace("shop_user=", "shop_cart=");
  const visit = readVisit(context, { cookie: swapped }, "/");
  assert.equal(visit.user, undefined);
  assert.equal(visit.cart, undefined);
  assert.equal(
    readVisit(context, { cookie: "shop_user=e30.x; shop_language=xx" }, "/").language,
    "en",
  );
});

test("a sign-in ends after 30 days, also for a browser that keeps the cookie longer", () => {
  const cookie = remembered({ user: { id: "u1", email: "a@b.cd" } });
  now += 30 * 24 * 60 * 60_000 - 1;
  assert.equal(readVisit(context, { cookie }, "/").user?.id, "u1");
  now += 1;
  assert.equal(readVisit(context, { cookie }, "/").user, undefined);
});

test("a notice too large for a cookie loses its events, not its text", () => {
  const visit = readVisit(context, {}, "/");
  const event = eventOf(context, visit, {
    event_type: "x",
    properties: { text: "x".repeat(5_000) },
  });
  const cookie = remembered({ flash: { notice: { text: "cartUpdated" }, events: [event] } });
  assert.deepEqual(readVisit(context, { cookie }, "/").flash, { notice: { text: "cartUpdated" } });
});

test("an event has its id, its time and all that is known of who sends it", () => {
  const visit = readVisit(context, {}, "/");
  const sender = { ...visit, user: { id: "u1" } };
  const event = eventOf(context, sender, { event_type: "identify" });
  assert.deepEqual(event, {
    event_id: `id-${ids}`,
    event_type: "identify",
    timestamp: new Date(now).toISOString(),
    user_id: "u1",
    anonymous_id: visit.visitorId,
    session_id: visit.sessionId,
  });
});
