import assert from "node:assert/strict";
import { test } from "node:test";
import { linkToken, returnPath, signInPath } from "./return-path.ts";

const origin = "https://weir.example";

test("sign-in returns to the requested page, with its range and filters", () => {
  const address = signInPath("/live/?type=purchase&source=a%26b");
  const next = new URL(address, origin).searchParams.get("next");
  assert.equal(returnPath(next, origin), "/live/?type=purchase&source=a%26b");
  assert.equal(signInPath("/"), "/signin/");
});

test("sign-in never leads to another site or back to itself", () => {
  for (const next of [
    "//evil.example",
    "/\\evil.example",
    "https://evil.example/",
    "javascript:alert(1)",
    "/\t/evil.example",
    "/signin/?next=/",
    "",
    null,
  ]) {
    assert.equal(returnPath(next, origin), "/", String(next));
  }
});

test("the token of a link follows the #, so that no access log has it", () => {
  assert.equal(linkToken({ hash: "#token=a-b_c", search: "" }), "a-b_c");
  assert.equal(linkToken({ hash: "", search: "?token=abc" }), "abc");
  assert.equal(linkToken({ hash: "#", search: "?next=/" }), null);
});
