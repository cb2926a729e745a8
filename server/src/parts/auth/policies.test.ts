import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createTestFolder } from "../../../../testing/database.ts";
import { policiesFolder } from "../../../test/helpers/auth.ts";
import { compilePolicy } from "../../core/access/permission.ts";
import { readPolicies } from "./policies.ts";

const asked = {
  ingest: "events.post.event_ingest",
  batch: "events.post.event_batch_ingest",
  list: "events.get.event_list",
  user: "analytics.get.user_events",
  overview: "analytics.get.overview",
  live: "live.get.event_feed",
  windows: "windows.get.window_list",
  rerun: "windows.post.window_rerun",
  healthz: "common.get.healthz",
  metrics: "common.get.metrics",
  keys: "auth.get.key_list",
  makeKey: "auth.post.key_create",
  similar: "search.get.similar_products",
  search: "search.post.product_search",
  recommendations: "search.get.recommendations",
  letters: "dlq.get.letter_list",
  erase: "privacy.post.user_erase",
} as const;

test("the shipped roles allow what their descriptions say, and nothing else", async () => {
  const expected: Record<string, (keyof typeof asked)[]> = {
    admin: Object.keys(asked) as (keyof typeof asked)[],
    operator: [
      "list",
      "user",
      "overview",
      "live",
      "windows",
      "rerun",
      "healthz",
      "metrics",
      "keys",
      "similar",
      "search",
      "recommendations",
      "letters",
      "erase",
    ],
    analyst: [
      "list",
      "user",
      "overview",
      "live",
      "windows",
      "healthz",
      "similar",
      "search",
      "recommendations",
    ],
    monitor: ["healthz", "metrics"],
    service: ["ingest", "batch", "healthz"],
    "event-sender": ["batch"],
    viewer: ["overview", "windows", "similar", "search"],
    storefront: ["similar", "search", "recommendations", "healthz"],
    demo: [
      "ingest",
      "batch",
      "list",
      "user",
      "overview",
      "live",
      "windows",
      "healthz",
      "similar",
      "search",
      "recommendations",
    ],
  };
  const roles = await readPolicies(policiesFolder);
  assert.deepEqual(roles.map(({ name }) => name).sort(), Object.keys(expected).sort());
  for (const { name, permissions } of roles) {
    const { decide } = compilePolicy({ role: permissions, extra: [], revoked: [] });
    const allowed = Object.entries(asked).flatMap(([key, one]) => (decide(one) ? [key] : []));
    assert.deepEqual(allowed.sort(), [...(expected[name] ?? [])].sort(), name);
  }
});

test("every mistake in every file is reported with file and pointer, and nothing is loaded", async (t) => {
  const folder = await createTestFolder(t);
  const files: Record<string, string> = {
    "admin.json": '{"description": "x", "permissions": ["*.*.*"]}',
    "Upper.json": "{}",
    "broken.json": '{"description": "x", ',
    "shape.json": '{"description": 1, "permissions": "all", "inherits": "viewer"}',
    "pattern.json":
      '{"description": "x", "permissions": ["events.get.*", "events.*", "ev*.get.x", "a.fetch.b"]}',
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  await assert.rejects(readPolicies(folder), ({ message }: Error) => {
    for (const words of [
      /Upper\.json: a role's name/,
      /broken\.json: is not JSON/,
      /shape\.json: \/description must be string/,
      /shape\.json: \/permissions must be array/,
      /shape\.json: \/inherits is not a member/,
      /pattern\.json: \/permissions\/1 "events\.\*" has 2 segments/,
      /pattern\.json: \/permissions\/2 "ev\*\.get\.x"/,
      /pattern\.json: \/permissions\/3 "a\.fetch\.b" has no HTTP method/,
    ]) {
      assert.match(message, words);
    }
    assert.doesNotMatch(message, /admin\.json/);
    return true;
  });
});

test("a folder without admin.json is refused as the wrong folder", async (t) => {
  const folder = await createTestFolder(t);
  await assert.rejects(readPolicies(folder), /admin\.json: is missing/);
});
