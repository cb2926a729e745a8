import assert from "node:assert/strict";
import { test } from "node:test";
import { createOlderDatabase } from "../../../../../testing/older-database.ts";
import { migrate } from "../../../adapters/postgres/migrate.ts";
import { uuidOfText } from "../../../core/uuid.ts";
import { decodeInterest, decodeNumbers } from "./interest.ts";

/** As interests were stored before 0022_tastes.sql: a product's id and a float64, little endian. */
function item(product: string, weight: number): Buffer {
  const bytes = Buffer.alloc(24);
  bytes.write(uuidOfText(product).replaceAll("-", ""), "hex");
  bytes.writeDoubleLE(weight, 16);
  return bytes;
}

test("interests stored by an older version mean the same after the migration", async (t) => {
  const { url, database } = await createOlderDatabase(t, "0022");
  const keys = ["a", "b", "c"];
  await database.query({
    text: `insert into stream.products (point_id, key, first_seen, last_seen)
           select * from unnest($1::uuid[], $2::text[]) cross join (values (now(), now())) seen`,
    values: [keys.map(uuidOfText), keys],
  });
  const items = [item("b", 12.5), item("gone", 1), item("a", -3.25), item("b", 12.5)];
  await database.query({
    text: `insert into stream.users (point_id, key, items, bought, events, last_seen)
           values ($1, 'buyer', $3, $4, 7, '2026-01-02Z'), ($2, 'blocked', '', '', 0, '-infinity')`,
    values: [
      uuidOfText("buyer"),
      uuidOfText("blocked"),
      Buffer.concat(items),
      Buffer.from(["c", "a"].map((key) => uuidOfText(key).replaceAll("-", "")).join(""), "hex"),
    ],
  });

  await migrate({ url });

  const products = await database.query<{ number: number; key: string }>({
    text: "select number, key from stream.products",
  });
  const keyOf = new Map(products.map(({ number, key }) => [number, key]));
  const users = await database.query<{ key: string; items: Buffer; bought: Buffer }>({
    text: "select key, items, bought, events::int, last_seen::text from stream.users order by key desc",
  });
  const named = users.map(({ items: kept, bought, ...user }) => ({
    ...user,
    interest: new Map([...decodeInterest(kept)].map(([number, w]) => [keyOf.get(number), w])),
    bought: decodeNumbers(bought).map((number) => keyOf.get(number)),
  }));
  assert.deepEqual(named, [
    {
      key: "buyer",
      events: 7,
      last_seen: "2026-01-02 00:00:00+00",
      // twice the weight: one more as a logarithm
      interest: new Map([
        ["b", 13.5],
        ["a", -3.25],
      ]),
      bought: ["c", "a"],
    },
    { key: "blocked", events: 0, last_seen: "-infinity", interest: new Map(), bought: [] },
  ]);
});
