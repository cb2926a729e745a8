import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { missingPermission, policyOf } from "./inclusion.ts";
import { compilePolicy, methods, type Policy } from "./permission.ts";

const everything = policyOf(["*.*.*"]);
const no = { role: [], extra: [], revoked: [] } satisfies Policy;

test("what is missing is named as widely as it is missing", () => {
  const cases: readonly (readonly [holder: Policy, wanted: Policy, missing: string | undefined])[] =
    [
      [everything, everything, undefined],
      [no, no, undefined],
      [no, everything, "*.*.*"],
      [policyOf(["events.get.*"]), everything, "*.*.*"],
      [policyOf(["events.get.*"]), policyOf(["events.get.event_raw"]), undefined],
      [policyOf(["events.get.event_raw"]), policyOf(["events.get.*"]), "events.get.*"],
      [{ ...everything, revoked: ["events.get.a"] }, everything, "events.get.a"],
      [{ ...everything, revoked: ["events.get.a"] }, policyOf(["events.post.*"]), undefined],
      [
        { ...everything, revoked: ["events.get.a"] },
        { ...everything, revoked: ["events.*.*"] },
        undefined,
      ],
      // together the five methods are all that * can stand for
      [policyOf(methods.map((method) => `a.${method}.x`)), policyOf(["a.*.x"]), undefined],
      [policyOf(["a.get.x", "a.post.x", "a.put.x"]), policyOf(["a.*.x"]), "a.patch.x"],
      // extra and role count alike, on both sides
      [{ ...no, extra: ["a.get.*"] }, { ...no, extra: ["a.get.x"] }, undefined],
      [policyOf(["a.get.x"]), { ...no, extra: ["b.get.x"] }, "b.get.x"],
      // what is revoked from the target is not there to be missed
      [no, { ...everything, revoked: ["*.*.*"] }, undefined],
    ];
  for (const [holder, wanted, missing] of cases) {
    assert.equal(missingPermission(holder, wanted), missing, JSON.stringify({ holder, wanted }));
  }
});

test("one policy includes another exactly when it allows each permission that the other allows", () => {
  const orStar = (...names: string[]) => fc.constantFrom(...names, "*");
  const pattern = fc
    .tuple(orStar("a", "b"), orStar("get", "post", "put", "patch", "delete"), orStar("x", "y"))
    .map((segments) => segments.join("."));
  const policy: fc.Arbitrary<Policy> = fc.record({
    revoked: fc.array(pattern, { maxLength: 3 }),
    extra: fc.array(pattern, { maxLength: 3 }),
    role: fc.array(pattern, { maxLength: 8 }),
  });
  // "c" and "z" stand for all names that no rule has
  const all = ["a", "b", "c"].flatMap((app) =>
    methods.flatMap((method) => ["x", "y", "z"].map((view) => `${app}.${method}.${view}`)),
  );
  fc.assert(
    fc.property(policy, policy, (holder, wanted) => {
      const [has, needs] = [compilePolicy(holder), compilePolicy(wanted)];
      const lacking = all.filter((name) => needs.decide(name) && !has.decide(name));
      const missing = missingPermission(holder, wanted);
      assert.equal(missing === undefined, lacking.length === 0);
      if (missing === undefined) return;
      const segments = missing.split(".");
      const isNamed = (name: string) =>
        name.split(".").every((part, n) => segments[n] === "*" || segments[n] === part);
      assert.ok(lacking.some(isNamed), `${missing} names something that is missing`);
    }),
    { numRuns: 20_000 },
  );
});

test("large policies are compared in milliseconds", () => {
  const many = Array.from({ length: 1_000 }, (_, n) => `a${n}.get.v${n}`);
  const crossed = Array.from({ length: 250 }, (_, n) => [`a${n}.*.*`, `*.*.v${n}`]).flat();
  const started = performance.now();
  assert.equal(missingPermission(policyOf(many), policyOf(many)), undefined);
  assert.equal(missingPermission(policyOf(many), policyOf(crossed)), "*.*.v0");
  assert.equal(missingPermission(policyOf(crossed), policyOf(crossed)), undefined);
  assert.ok(performance.now() - started < 20_000);
});
