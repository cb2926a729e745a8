import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createTestFolder } from "../../../testing/database.ts";
import {
  databaseAddress,
  httpAddress,
  oneOf,
  optional,
  readSettings,
  SettingsError,
  token,
  wholeNumber,
  withDefault,
} from "./settings.ts";

test("every problem of the environment is reported at once, with its variable and no secret", () => {
  const read = () =>
    readSettings(
      {
        SHOP_A_PORT: "eighty",
        SHOP_A_DATABASE_URL: "mysql://root:hunter2@db/shop",
        SHOP_TOKEN_A: "short-secret",
        SHOP_A_URL: "shop.example",
        SHOP_A_MODE: "loud",
      },
      {
        port: wholeNumber("SHOP_A_PORT", { max: 65_535 }),
        database: databaseAddress("SHOP_A_DATABASE_URL"),
        token: token("SHOP_TOKEN_A"),
        url: httpAddress("SHOP_A_URL"),
        mode: oneOf("SHOP_A_MODE", ["quiet", "normal"]),
        missing: token("SHOP_TOKEN_B"),
      },
    );
  assert.throws(read, (error: unknown) => {
    assert.ok(error instanceof SettingsError);
    assert.deepEqual(error.problems, [
      'SHOP_A_PORT is "eighty"; it must be a whole number from 0 to 65535.',
      "SHOP_A_DATABASE_URL is its value (not shown); it must be an address that begins with postgresql:// or postgres://.",
      "SHOP_TOKEN_A is its value (not shown); it must have 16 to 512 printable characters and no blanks.",
      'SHOP_A_URL is "shop.example"; it must be an address such as http://127.0.0.1:8081.',
      'SHOP_A_MODE is "loud"; it must be one of quiet, normal.',
      "SHOP_TOKEN_B is missing. Set SHOP_TOKEN_B or SHOP_TOKEN_B_FILE (the path of a file that contains it).",
    ]);
    assert.doesNotMatch(error.message, /hunter2|short-secret/);
    return true;
  });
});

test("a secret comes from a file, and not from two places", async (t) => {
  const file = join(await createTestFolder(t), "token");
  await writeFile(file, "a-token-of-a-service\n");
  const table = { token: token("SHOP_TOKEN_A") };
  const fromFile = readSettings({ SHOP_TOKEN_A_FILE: file }, table);
  assert.equal(fromFile.token, "a-token-of-a-service");
  assert.throws(
    () => readSettings({ SHOP_TOKEN_A: "another-token-12345", SHOP_TOKEN_A_FILE: file }, table),
    /both set/,
  );
  assert.throws(
    () => readSettings({ SHOP_TOKEN_A_FILE: `${file}-missing` }, table),
    /SHOP_TOKEN_A_FILE names .*cannot be read: ENOENT/,
  );
});

test("absent settings have their default, or none", () => {
  const settings = readSettings(
    { SHOP_A_PORT: " " },
    {
      port: withDefault(wholeNumber("SHOP_A_PORT"), 0),
      url: optional(httpAddress("SHOP_A_URL")),
    },
  );
  assert.deepEqual(settings, { port: 0, url: undefined });
});
