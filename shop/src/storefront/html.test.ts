import assert from "node:assert/strict";
import { test } from "node:test";
import { dataBlock, html, toText } from "./html.ts";

const hostile = `"><script>alert('1')</script>&\``;

test("every value is escaped, in text and in attributes", () => {
  const page = toText(html`<p title="${hostile}">${hostile}</p>`);
  const escaped = "&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&#96;";
  assert.equal(page, `<p title="${escaped}">${escaped}</p>`);
});

test("templates nest, lists are joined, and nothing is written for what is absent", () => {
  const items = ["a<", "b"].map((item) => html`<li>${item}</li>`);
  const page = html`<ul>${items}${false}${null}${undefined}${0}</ul>`;
  assert.equal(toText(page), "<ul><li>a&lt;</li><li>b</li>0</ul>");
});

test("an object that looks like markup is not markup", () => {
  const forged = JSON.parse('{"markup":"<b>","text":"<b>"}');
  assert.throws(() => html`<p>${forged}</p>`);
});

test("a value where escaping cannot help is an error", () => {
  assert.throws(() => html`<p title=${hostile}></p>`, /cannot be escaped/);
  assert.throws(() => html`<${hostile}>`, /cannot be escaped/);
  assert.throws(() => html`<script>let a = ${1};</script>`, /cannot be escaped/);
  assert.throws(() => html`<style>a { color: ${"red"}; }</style>`, /cannot be escaped/);
});

test("an address is of this site or of http(s)", () => {
  for (const bad of [
    "javascript:alert(1)",
    "//evil.example",
    "/\\evil.example",
    "data:text/html,x",
  ]) {
    assert.throws(() => html`<a href="${bad}">x</a>`, /not an address/, bad);
  }
  assert.equal(toText(html`<a href="${"/a?b=c&d"}">x</a>`), '<a href="/a?b=c&amp;d">x</a>');
});

test("a data block cannot be left by its data", () => {
  const data = { text: "</script><script>alert(1)</script><!--" };
  const block = toText(dataBlock("events", data));
  assert.equal(block.match(/<\/script>/g)?.length, 1);
  const json = />(.*)<\/script>$/.exec(block)?.[1] ?? "";
  assert.deepEqual(JSON.parse(json), data);
});
