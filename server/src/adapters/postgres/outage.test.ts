import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../../../../testing/until.ts";
import { DatabaseError } from "../../core/ports/database.ts";
import { createOutageWatch } from "./outage.ts";

function watchOf() {
  const seen: string[] = [];
  const probes: Promise<unknown>[] = [];
  let clock = 0;
  const watch = createOutageWatch({
    onBegin: ({ since, reason }) => seen.push(`${reason} since ${since.getTime()}`),
    onEnd: ({ lastedMs, failures }) => seen.push(`lasted ${lastedMs}, ${failures} failures`),
    onHiccup: ({ failures }) => seen.push(`${failures} failures`),
    probe: () => probes.shift() ?? new Promise(() => {}),
    now: () => 1_000_000 + clock,
    monotonic: () => clock,
  });
  return { watch, seen, probes, pass: (ms: number) => (clock += ms) };
}

const failure = (code: string) => new DatabaseError("down", { code, retryable: true });

test("an outage begins after half a second of failures and ends with the first success", () => {
  const { watch, seen, pass } = watchOf();
  watch.failed(failure("connection"));
  assert.equal(watch.since(), undefined);
  pass(400);
  watch.failed(failure("57P03"));
  assert.equal(watch.since(), undefined);
  pass(200);
  watch.failed(failure("timeout"));
  assert.equal(watch.since()?.getTime(), 1_000_000, "since the first failure");
  pass(5_000);
  watch.failed(failure("connection"));
  watch.succeeded();
  assert.equal(watch.since(), undefined);
  assert.deepEqual(seen, ["down since 1000000", "lasted 5600, 4 failures"]);
});

test("a connection that breaks while others work is no outage", () => {
  const { watch, seen, pass } = watchOf();
  for (let n = 0; n < 10; n++) {
    watch.failed(failure("connection"));
    pass(300);
    watch.succeeded();
    pass(300);
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 10 }, () => "1 failures"),
  );
});

test("what PostgreSQL's silence explains is known by the cause of an error", () => {
  const { watch } = watchOf();
  const request = new Error("unavailable", { cause: failure("connection") });
  assert.equal(watch.explains(request), false, "nothing has failed yet");
  watch.failed(failure("connection"));
  assert.equal(watch.explains(request), true);
  assert.equal(watch.explains(new Error("a bug")), false);
  assert.equal(watch.explains(failure("23505")), false);
});

test("a statement that PostgreSQL refuses or cancels has been answered", () => {
  const { watch, seen, pass } = watchOf();
  for (const code of ["23505", "57014", "40001", "53100"]) {
    watch.failed(failure("connection"));
    pass(400);
    watch.failed(failure(code));
    pass(400);
  }
  watch.failed(new Error("a bug"));
  assert.equal(watch.since(), undefined);
  assert.equal(seen.length, 4);
});

test("during an outage everything fails at once and a probe finds out when it is over", async () => {
  const { watch, seen, probes, pass } = watchOf();
  let begun = 0;
  watch.onBegin(() => begun++);
  probes.push(Promise.reject(failure("connection")), Promise.resolve());
  assert.equal(watch.obstacle(), undefined);
  watch.failed(failure("timeout"));
  pass(600);
  watch.failed(failure("timeout"));
  assert.equal(watch.obstacle()?.code, "connection");
  assert.equal(begun, 1);
  await until(() => watch.since() === undefined, { what: "the second probe" });
  assert.equal(watch.obstacle(), undefined);
  assert.deepEqual(seen.at(-1), "lasted 600, 2 failures");
});
