import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { createTestAuth } from "../../../test/helpers/auth.ts";
import { generateApiKey } from "../../core/access/api-key.ts";
import { ensureAdminKey, hadAdminKey } from "./bootstrap.ts";
import { createKey, revokeKey } from "./keys.ts";

test("a key that the operator supplies becomes the first one, and is not shown again", async (t) => {
  const auth = await createTestAuth(t);
  const { administration } = auth;
  const supplied = generateApiKey(administration.env, randomBytes);
  assert.equal(await hadAdminKey(administration.database, administration.env), false);
  assert.deepEqual(await ensureAdminKey(administration, { supplied }), {
    service: "admin",
    key: undefined,
    warning: undefined,
  });
  assert.equal(await hadAdminKey(administration.database, administration.env), true);
  const directory = await auth.directory();
  assert.ok(directory.authenticate(supplied.text).may("auth.post.key_create"));
  assert.equal((await ensureAdminKey(administration, { supplied })).warning, undefined);
});

test("a supplied key that would be a second one, or ended, is a warning and changes nothing", async (t) => {
  const { administration } = await createTestAuth(t);
  const supplied = generateApiKey(administration.env, randomBytes);
  await ensureAdminKey(administration, { supplied });
  const other = generateApiKey(administration.env, randomBytes);
  const refused = await ensureAdminKey(administration, { supplied: other });
  assert.match(refused.warning ?? "", /was not added/);
  const forged = { ...other, id: supplied.id };
  const unequal = await ensureAdminKey(administration, { supplied: forged });
  assert.match(unequal.warning ?? "", /was not added/, "the same id with another secret");
  await createKey(administration, { service: "admin" });
  await revokeKey(administration, supplied.id);
  const ended = await ensureAdminKey(administration, { supplied });
  assert.match(ended.warning ?? "", /is revoked/);
});

test("a key that cannot be delivered is not created", async (t) => {
  const { administration } = await createTestAuth(t);
  const deliver = () => {
    throw new Error("the disk is full");
  };
  await assert.rejects(ensureAdminKey(administration, { deliver }), /the disk is full/);
  assert.equal(await hadAdminKey(administration.database, administration.env), false);
  const seen: string[] = [];
  const { key } = await ensureAdminKey(administration, {
    deliver: (text) => {
      seen.push(text);
    },
  });
  assert.deepEqual(seen, [key]);
});
