import assert from "node:assert/strict";
import { test } from "node:test";
import type { OrderData } from "../../bus/order-events.ts";
import { kinds, type Language, languages, type OrderKind } from "../kinds.ts";
import { escapeHtml, type OrderRendering, renderOrder, renderSignIn, texts } from "./render.ts";
import { fill, orderPlaceholders, placeholdersOf, signInPlaceholders } from "./template.ts";

const order: OrderData = {
  id: "0198c0de-0000-7000-8000-0000abcd1234",
  user_id: "user-1",
  email: "a@example.com",
  language: "tr",
  state: "paid",
  items: [
    {
      product_id: "85123A",
      name: 'Lamp <b>"A&B"</b>',
      category: "Home",
      quantity: 2,
      price: "1234.50",
    },
  ],
  total: "2469.00",
  currency: "TRY",
  created_at: "2026-01-01T10:00:00.000Z",
  updated_at: "2026-01-01T10:00:01.000Z",
};

function render(kind: OrderKind, changes: Partial<OrderRendering> = {}) {
  return renderOrder({
    kind,
    order,
    language: "en",
    time: new Date("2026-03-09T21:30:00Z"),
    timeZone: "Europe/Istanbul",
    link: "https://shop.example/orders/1?a=1&b=2",
    ...changes,
  });
}

test("every kind has a template in every language, whose placeholders are all given", () => {
  for (const language of languages) {
    assert.deepEqual(Object.keys(texts[language].templates).toSorted(), kinds.toSorted());
    for (const kind of kinds) {
      const template = texts[language].templates[kind];
      const given: readonly string[] =
        kind === "sign_in_link" ? signInPlaceholders : orderPlaceholders;
      for (const name of placeholdersOf(template)) {
        assert.ok(given.includes(name), `${language} ${kind} uses {${name}}`);
      }
      const rendered =
        kind === "sign_in_link"
          ? renderSignIn({ language, link: "https://shop.example/x", minutes: 15 })
          : render(kind, { language });
      for (const part of Object.values(rendered)) assert.doesNotMatch(part, /[{}]|undefined/);
      assert.ok(rendered.subject.length > 5);
    }
  }
});

test("both languages use the same placeholders, items and action for a kind", () => {
  const shape = (language: Language) =>
    kinds.map((kind) => {
      const template = texts[language].templates[kind];
      const { items, action } = template;
      return {
        kind,
        names: placeholdersOf(template).toSorted(),
        items,
        action: action !== undefined,
      };
    });
  assert.deepEqual(shape("tr"), shape("en"));
});

test("a placeholder without a value is an error", () => {
  assert.throws(() => fill("Dear {name}", {}), /name has no value/);
});

test("money and dates follow the language", () => {
  assert.match(render("order_paid").text, /TRY\s2,469\.00/);
  assert.match(render("order_paid", { language: "tr" }).text, /₺2\.469,00/);
  assert.match(render("order_shipped").text, /10 March 2026 at 00:30/);
  assert.match(render("order_shipped", { language: "tr" }).text, /10 Mart 2026 (saat )?00:30/);
});

test("an amount that a double cannot hold is shown exactly", () => {
  const exact = render("order_paid", { order: { ...order, total: "90071992547409.93" } });
  assert.match(exact.text, /90,071,992,547,409\.93/);
});

test("names of products are escaped in HTML and unchanged in text", () => {
  const { text, html } = render("order_created");
  assert.match(text, /2 × Lamp <b>"A&B"<\/b>/);
  assert.doesNotMatch(html, /<b>/);
  assert.ok(html.includes(escapeHtml('Lamp <b>"A&B"</b>')));
  assert.ok(html.includes('href="https://shop.example/orders/1?a=1&#38;b=2"'));
});

test("without a link there is no button", () => {
  const { text, html } = render("order_created", { link: undefined });
  assert.doesNotMatch(text, /View your order/);
  assert.doesNotMatch(html, /<a /);
});

test("the sign-in link is in both forms", () => {
  const link = "https://shop.example/sign-in?token=abc&next=%2F";
  const { text, html, subject } = renderSignIn({ language: "tr", link, minutes: 15 });
  assert.equal(subject, "Giriş bağlantınız");
  assert.ok(text.includes(link));
  assert.ok(html.includes(`href="${escapeHtml(link)}"`));
});
