import assert from "node:assert/strict";
import { test } from "node:test";
import { environmentOf } from "./service-environment.ts";

test("a setting of one service replaces the one for all, also when either is a file", () => {
  const all = {
    SHOP_HOST: "127.0.0.1",
    SHOP_STOREFRONT__HOST: "0.0.0.0",
    SHOP_BUS_DATABASE_URL: "postgresql://all",
    SHOP_ORDERS__BUS_DATABASE_URL_FILE: "/secrets/orders",
  };
  assert.equal(environmentOf("products", all), all);
  assert.equal(environmentOf("storefront", all)["SHOP_HOST"], "0.0.0.0");
  const orders = environmentOf("orders", all);
  assert.equal(orders["SHOP_HOST"], "127.0.0.1");
  assert.equal(orders["SHOP_BUS_DATABASE_URL"], undefined);
  assert.equal(orders["SHOP_BUS_DATABASE_URL_FILE"], "/secrets/orders");
});
