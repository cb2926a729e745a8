import assert from "node:assert/strict";
import { test } from "node:test";
import { linkToken, returnPath, signInPath } from "./return-path.ts";

const origin = "https://weir.example";

test("after signing in a person is back where they were, with range and filters", () => {
  const address = signInPath("/live/?type=purchase&source=a%26b");
  const next = new URL(address, origin).searchParams.get("next");
  assert.equal(returnPath(next, origin), "/live/?type=purchase&source=a%26b");
  assert.equal(signInPath("/"), "/signin/");
});

test("nobody is sent to another site, nor round in a circle", () => {
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

test("a link's token is read from behind the #, where no log sees it", () => {
  assert.equal(linkToken({ hash: "#token=a-b_c", search: "" }), "a-b_c");
  assert.equal(linkToken({ hash: "", search: "?token=abc" }), "abc");
  assert.equal(linkToken({ hash: "#", search: "?next=/" }), null);
});
