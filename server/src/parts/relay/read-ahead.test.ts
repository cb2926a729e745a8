import assert from "node:assert/strict";
import { test } from "node:test";
import type { NextRange } from "../../core/ports/log.ts";
import { type Item, ReadAhead } from "./read-ahead.ts";

const request = (bytes: number): Item => ({ kind: "request", request: { messages: [], bytes } });
const end: Item = { kind: "end", range: {} as NextRange, events: 1 };

test("reading waits for room, and one request always fits", async () => {
  const ahead = new ReadAhead(100);
  await ahead.put(request(1_000));
  let isPut = false;
  const waiting = ahead.put(request(1)).then(() => {
    isPut = true;
  });
  assert.equal(ahead.bytes, 1_000);
  assert.equal((await ahead.next())?.kind, "request");
  assert.equal(isPut, false);
  ahead.done();
  await waiting;
  assert.equal(ahead.bytes, 1);
});

test("a sender waits for what is read, and sees the end when it is closed", async () => {
  const ahead = new ReadAhead(100);
  const next = ahead.next();
  await ahead.put(end);
  assert.equal((await next)?.kind, "end");
  ahead.done();
  const last = ahead.next();
  ahead.close();
  assert.equal(await last, undefined);
  await ahead.put(request(1));
  assert.equal(await ahead.next(), undefined);
});

test("closing keeps complete pages and drops the page without its end, also while it is being sent", async () => {
  const ahead = new ReadAhead(100);
  for (const item of [request(10), end, request(20)]) await ahead.put(item);
  ahead.close();
  assert.equal(ahead.bytes, 10);
  for (const kind of ["request", "end"]) {
    assert.equal((await ahead.next())?.kind, kind);
    ahead.done();
  }
  assert.equal(await ahead.next(), undefined);

  const sending = new ReadAhead(100);
  await sending.put(request(10));
  await sending.next();
  sending.close();
  sending.done();
  assert.deepEqual([sending.bytes, await sending.next()], [0, undefined]);
});
