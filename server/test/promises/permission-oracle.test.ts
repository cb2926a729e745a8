/**
 * Promise 3: no access without permission. The compiled decision equals the plainest one that can be
 * written, for WEIR_TEST_POLICIES (default 100,000) generated policies. Controls: decisions with one
 * mistake each, which the same property must find.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compilePolicy, type Policy } from "../../src/core/access/permission.ts";

const policies = Number(process.env["WEIR_TEST_POLICIES"] ?? 100_000);

type Decide = (policy: Policy) => (permission: string) => boolean;

const compiled: Decide = (policy) => {
  const { decide, explain } = compilePolicy(policy);
  return (permission) => {
    const first = decide(permission);
    // The second answer comes from memory, the third from the explanation: all must agree.
    assert.equal(decide(permission), first);
    assert.equal(explain(permission).allowed, first);
    return first;
  };
};

const matches = (pattern: string, permission: string): boolean => {
  const wanted = pattern.split(".");
  return permission
    .split(".")
    .every((part, index) => wanted[index] === "*" || wanted[index] === part);
};
const any = (patterns: readonly string[], permission: string) =>
  patterns.some((pattern) => matches(pattern, permission));

const oracle: Decide = (policy) => (permission) => {
  if (!/^[a-z][a-z0-9_]{0,62}\.(get|post|put|patch|delete)\.[a-z][a-z0-9_]{0,62}$/.test(permission))
    return false;
  if (any(policy.revoked, permission)) return false;
  if (any(policy.extra, permission)) return true;
  if (any(policy.role, permission)) return true;
  return false;
};

/** One mistake each; a property that lets one of them pass proves nothing. */
const mutants: Readonly<Record<string, Decide>> = {
  "extra before revoked": (policy) => (permission) =>
    any(policy.extra, permission) || oracle(policy)(permission),
  "role before revoked": (policy) => (permission) =>
    any(policy.role, permission) || oracle(policy)(permission),
  "allowed when no rule matches": (policy) => (permission) => !any(policy.revoked, permission),
  "revoked matches only literally": (policy) => (permission) =>
    !policy.revoked.includes(permission) && oracle({ ...policy, revoked: [] })(permission),
  "the method is not looked at": (policy) => {
    const widen = (patterns: readonly string[]) =>
      patterns.map((pattern) => pattern.replace(/\.[a-z]+\./, ".*."));
    return oracle({ ...policy, role: widen(policy.role) });
  },
  "*.*.* allows whatever is asked": (policy) => (permission) =>
    policy.role.includes("*.*.*") || oracle(policy)(permission),
};

const app = fc.constantFrom("events", "analytics", "auth");
const verb = fc.constantFrom("get", "post", "delete");
const view = fc.constantFrom("event_list", "event_ingest", "series", "key_create");
const orStar = (part: fc.Arbitrary<string>) =>
  fc.oneof({ weight: 3, arbitrary: part }, { weight: 1, arbitrary: fc.constant("*") });
const pattern = fc
  .tuple(orStar(app), orStar(verb), orStar(view))
  .map((segments) => segments.join("."));
const permission = fc.oneof(
  { weight: 9, arbitrary: fc.tuple(app, verb, view).map((segments) => segments.join(".")) },
  {
    weight: 1,
    arbitrary: fc.oneof(
      pattern,
      fc.constantFrom("", "events", "events.get", "events.get.series.x", "Events.get.series"),
      fc.string(),
    ),
  },
);
const policy: fc.Arbitrary<Policy> = fc.record({
  revoked: fc.array(pattern, { maxLength: 4 }),
  extra: fc.array(pattern, { maxLength: 4 }),
  role: fc.array(pattern, { maxLength: 8 }),
});

function check(decide: Decide, numRuns: number): fc.RunDetails<[Policy, string[]]> {
  const property = fc.property(
    policy,
    fc.array(permission, { minLength: 1, maxLength: 6 }),
    (given, asked) => {
      const decision = decide(given);
      const expected = oracle(given);
      return asked.every((name) => decision(name) === expected(name));
    },
  );
  return fc.check(property, { numRuns, endOnFailure: true });
}

test(`the compiled decision equals the naive one for ${policies} generated policies`, () => {
  const result = check(compiled, policies);
  assert.equal(result.failed, false, fc.defaultReportMessage(result));
  assert.equal(result.numRuns, policies);
});

for (const [mistake, decide] of Object.entries(mutants)) {
  test(`control: the property finds a decision where ${mistake}`, () => {
    assert.equal(check(decide, 20_000).failed, true);
  });
}
