import assert from "node:assert/strict";
import { test } from "node:test";
import { createAddressPolicy } from "./address-policy.ts";
import { checkReceiver } from "./check-receiver.ts";

const policy = createAddressPolicy(() => []);
const url = "https://hooks.example.com/weir";

const fails = (code: string) => async () => {
  throw Object.assign(new Error(`queryA ${code} hooks.example.com`), { code });
};

test("a host with public addresses is accepted, one with a private address among them is not", async () => {
  await checkReceiver(url, { policy, resolve: async () => ["93.184.215.14"] });
  const resolve = async () => ["93.184.215.14", "10.0.0.1"];
  await assert.rejects(checkReceiver(url, { policy, resolve }), /10\.0\.0\.1, a private address/);
});

test("a host that does not exist is refused by name", async () => {
  for (const code of ["ENOTFOUND", "ENODATA"]) {
    await assert.rejects(checkReceiver(url, { policy, resolve: fails(code) }), {
      name: "RefusedAddressError",
      message: "there is no host hooks.example.com: check the name",
    });
  }
});

test("a name server that is down does not stop a change, and a refused URL is refused without it", async () => {
  for (const code of ["EAI_AGAIN", "ETIMEOUT", "ESERVFAIL"]) {
    await checkReceiver(url, { policy, resolve: fails(code) });
    const refused = checkReceiver("https://[::1]/", { policy, resolve: fails(code) });
    await assert.rejects(refused, { name: "RefusedAddressError" });
  }
});
