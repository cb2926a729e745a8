import type { Area } from "../mutant.ts";

const permission = "server/src/core/access/permission.ts";
const inclusion = "server/src/core/access/inclusion.ts";
const principal = "server/src/parts/auth/key-principal.ts";
const snapshot = "server/src/parts/auth/snapshot.ts";

/** No access without permission: default deny, revoked before extra before role. */
export const policyDecision: Area = {
  name: "policy-decision",
  sources: [permission, inclusion, principal],
  tests: [
    "server/src/core/access/permission.test.ts",
    "server/src/core/access/inclusion.test.ts",
    "server/test/promises/permission-oracle.test.ts",
    "server/src/parts/auth/directory.test.ts",
    "server/src/parts/auth/administration.test.ts",
  ],
  skip: "while PostgreSQL is",
  env: { WEIR_TEST_POLICIES: "5000" },
  mutations: [
    {
      in: permission,
      from: '{ kind: "revoked", allowed: false },\n  { kind: "extra", allowed: true },',
      to: '{ kind: "extra", allowed: true },\n  { kind: "revoked", allowed: false },',
    },
    {
      in: permission,
      from: 'const noRule: Ruling = { allowed: false, kind: "none" };',
      to: 'const noRule: Ruling = { allowed: true, kind: "role", pattern: "*.*.*" };',
    },
    { in: permission, from: "if (!isPermission(permission)) return [];", to: "" },
    { in: permission, from: '    "*.*.*",\n', to: "" },
    { in: permission, from: '    "*.*.*",\n', to: '    "*.*.*",\n    "events.*.*",\n' },
    {
      in: inclusion,
      from: "wanted.granted.length === 0 || wanted.revoked.some(isOpen)",
      to: "wanted.granted.length === 0",
    },
    { in: inclusion, from: "holder.revoked.length === 0 && holder.granted", to: "holder.granted" },
    { in: inclusion, from: "[...wanted.granted, ...holder.revoked]", to: "wanted.granted" },
    {
      in: inclusion,
      from: 'pattern[index] === "*" || pattern[index] === segment',
      to: "pattern[index] === segment",
    },
    {
      in: permission,
      from: "decided.set(permission, allowed);",
      to: "decided.set(permission, true);",
    },
    { in: principal, from: "this.#standing.mayBeUsed(key) && ", to: "" },
    {
      in: principal,
      from: "if (!current.secretHash.equals(this.#entry.secretHash)) return undefined;",
      to: "",
    },
    { in: snapshot, from: 'if (key.revoked) return "revoked";', to: "" },
    { in: snapshot, from: 'if (key.service.disabled) return "disabled";', to: "" },
  ],
  equivalent: [],
};
