import assert from "node:assert/strict";
import { test } from "node:test";
import { formTo, productLinks, readPage } from "./page.ts";

const html = `<!doctype html><html><body>
<a href="/products?category=Bags%20%26%20Travel">Bags &amp; Travel</a>
<a href="/products/84347"><svg></svg></a><a href="/products/84347"><span>SILVER &quot;ANGELS&quot;</span> <span>HLDR</span></a>
<a href="https://example.org/x">elsewhere</a><a href="//example.org/y">elsewhere</a>
<a href="http://127.0.0.1:8085/sign-in/confirm?token=a&amp;b=c">http://…</a>
<form method="post" action="/checkout"><input type="hidden" name="form_token" value="a&#39;b">
<input type="radio" name="simulate" value="success" checked><input type="radio" name="simulate" value="decline">
<select name="month"><option value="1">one</option><option value="2" selected>two</option></select>
<button name="go" value="now">Pay</button></form>
<form class="search" action="/search" method="get"><input name="q" type="search" value=""></form>
<script type="application/json" id="page-data">{"weir":{"url":"http://127.0.0.1:1","key":"k"},"events":[{"event_type":"product.view","product":{"name":"\\u003c/script>"}}]}</script>
</body></html>`;

test("a page's links, forms and events are what a browser sees", () => {
  const page = readPage("/x", 200, html);
  assert.deepEqual(productLinks(page), [{ to: "/products/84347", text: 'SILVER "ANGELS" HLDR' }]);
  assert.deepEqual(
    page.links.map(({ to }) => to),
    [
      "/products?category=Bags%20%26%20Travel",
      "/products/84347",
      "/products/84347",
      "/sign-in/confirm?token=a&b=c",
    ],
  );
  assert.deepEqual(formTo(page, "/checkout"), {
    action: "/checkout",
    method: "post",
    fields: { form_token: "a'b", simulate: "success", month: "2" },
    buttons: [{ name: "go", value: "now" }],
  });
  assert.equal(formTo(page, "/search")?.method, "get");
  assert.equal(page.data.weir?.key, "k");
  assert.deepEqual(page.data.events, [
    { event_type: "product.view", product: { name: "</script>" } },
  ]);
});

test("a page without the storefront's data sends nothing", () => {
  const page = readPage("/", 404, "<p>not found</p>");
  assert.deepEqual([page.links, page.forms, page.data], [[], [], { events: [] }]);
});
