/** The storefront with the real services of the shop, through its pages as a browser without scripts has them. */
import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { until } from "../../../testing/until.ts";
import type { RunningService } from "../../src/foundation/running-service.ts";
import { startStorefront } from "../../src/storefront/start-storefront.ts";
import { queryShop } from "../helpers/databases.ts";
import { buildShopWith } from "../helpers/mutated-build.ts";
import { startService, startShopProcess } from "../helpers/services.ts";
import { startShop, storefrontEnvironment, type TestShop } from "../helpers/shop.ts";
import { Shopper } from "../helpers/shopper.ts";

const cleanUps: (() => unknown)[] = [];
let shop: TestShop;
const mug = "22423";

before(async () => {
  shop = await startShop({ after: (work) => void cleanUps.push(work) });
});
after(async () => {
  for (const work of cleanUps.toReversed()) await work();
});

/** Another storefront with the same services. */
function startAnother(
  t: TestContext,
  environment: Readonly<Record<string, string>> = {},
): Promise<RunningService> {
  return startService(t, startStorefront, {
    ...storefrontEnvironment,
    SHOP_PRODUCTS_URL: shop.products.url,
    SHOP_ORDERS_URL: shop.orders.url,
    SHOP_NOTIFICATIONS_URL: shop.notifications.url,
    ...environment,
  });
}

/** Adds a product, and signs in by the link in the demo's inbox. */
async function signedIn(email: string, url = shop.url): Promise<Shopper> {
  const shopper = new Shopper(url);
  await shopper.open(`/products/${mug}`);
  await shopper.submit("/cart/add", { quantity: "2" });
  await shopper.open("/checkout");
  await shopper.submit("/sign-in", { email });
  const link = await linkOf(shopper);
  await shopper.open(link);
  await shopper.submit("/sign-in/confirm");
  return shopper;
}

/** The newest sign-in link in the inbox, as a path. */
function linkOf(shopper: Shopper): Promise<string> {
  return until(
    async () =>
      /href="[^"]*(\/sign-in\/confirm\?token=[\w-]+)"/.exec(
        (await shopper.open("/inbox")).text,
      )?.[1],
    { what: "the link to be in the inbox" },
  );
}

/** Where each of many sends of one checkout form leads, eight of them at the same time. */
async function placesOfOneForm(shopper: Shopper): Promise<Set<string | null>> {
  const fields = { ...shopper.fields("/checkout"), simulate: "success" };
  const send = () => shopper.send("/checkout", fields);
  const answers = await Promise.all(Array.from({ length: 8 }, send));
  return new Set([...answers, await send()].map(({ headers }) => headers.get("location")));
}

/** The answers to four uses of one link at the same time. */
async function usesOfOneLink(url: string, email: string): Promise<Response[]> {
  const shopper = new Shopper(url);
  await shopper.open("/sign-in?return_to=//evil.example");
  await shopper.submit("/sign-in", { email });
  const link = await linkOf(shopper);
  for (let n = 0; n < 3; n++) assert.equal((await shopper.open(link)).status, 200);
  assert.equal(shopper.page.headers.get("referrer-policy"), "no-referrer");
  const fields = shopper.fields("/sign-in/confirm");
  return Promise.all([1, 2, 3, 4].map(() => shopper.send("/sign-in/confirm", fields)));
}

/** The status of a form that another site makes the shopper's browser send. */
async function statusOfForeignForm(url: string): Promise<number> {
  const shopper = new Shopper(url);
  await shopper.open("/");
  const fields = { product_id: mug, quantity: "1" };
  const headers = { origin: "http://evil.example", "sec-fetch-site": "cross-site" };
  return (await shopper.send("/cart/add", fields, headers)).status;
}

/** A page with a product whose texts are markup. */
async function pageOfHostileProduct(url: string): Promise<string> {
  await queryShop(
    shop.databases.products,
    `insert into products (id, name, description, category, price, currency, stock)
     values ('EVIL', $1, $1, $1, 1, 'GBP', 1) on conflict do nothing`,
    ['"><script>alert(1)</script>'],
  );
  return (await new Shopper(url).open("/products/EVIL")).text;
}

test("browse, search, cart, sign in, check out, order with its message: without a script", async () => {
  const shopper = await signedIn("ada@example.com");
  assert.match(shopper.page.text, /<h1>Checkout<\/h1>/);
  assert.match(shopper.page.text, /You are signed in/);
  const types = shopper.page.events.map(({ event_type }) => event_type);
  assert.deepEqual(types, ["identify", "checkout.started"]);
  const [identify] = shopper.page.events;
  assert.ok(identify?.["user_id"] && identify["anonymous_id"] && identify["session_id"]);

  await shopper.submit("/checkout", { simulate: "success" });
  assert.match(shopper.page.text, /Thank you! Your order is placed/);
  assert.match(shopper.page.text, /class="state paid"/);
  assert.deepEqual(
    shopper.page.events.map(({ event_type }) => event_type),
    ["checkout.submitted"],
  );
  const path = /\/orders\/[\w-]+/.exec((await shopper.open("/orders")).text)?.[0] ?? assert.fail();
  await until(async () => (await shopper.open(path)).text.includes('class="message"'), {
    what: "the message about the order",
  });
  assert.doesNotMatch(shopper.page.text, /Thank you! Your order is placed/, "said once");
  assert.match((await shopper.open("/cart")).text, /Your cart is empty/);

  // another shopper's order does not exist
  const other = await signedIn("eve@example.com");
  assert.equal((await other.open(path)).status, 404);
});

test("a form that is sent many times at once is one order; so is going back and sending it again", async () => {
  const shopper = await signedIn("double@example.com");
  const places = [...(await placesOfOneForm(shopper))];
  assert.equal(places.length, 1, places.join());
  assert.match(places[0] ?? "", /^\/orders\//);
  const { text } = await shopper.open("/orders");
  assert.equal(text.match(/class="order-card"/g)?.length, 1);
});

test("a declined and a timed-out payment keep the cart, and say what happened", async () => {
  const shopper = await signedIn("declined@example.com");
  await shopper.submit("/checkout", { simulate: "decline" });
  assert.match(shopper.page.text, /The payment was declined\. Nothing was charged/);
  await shopper.submit("/checkout", { simulate: "time_out" });
  assert.match(shopper.page.text, /The bank did not answer in time\. Nothing was charged/);
  await shopper.submit("/checkout", { simulate: "success" });
  assert.match(shopper.page.text, /Thank you!/);
});

test("a sign-in link works once, in one browser, and opening it uses nothing", async () => {
  const answers = await usesOfOneLink(shop.url, "once@example.com");
  assert.deepEqual(answers.map(({ status }) => status).sort(), [303, 410, 410, 410]);
  const used = answers.find(({ status }) => status === 303);
  assert.equal(used?.headers.get("location"), "/", "the address of another site is not kept");
});

test("known and unknown addresses get the same answer; too many attempts are refused", async (t) => {
  // its own: the limit of this machine's address must not meet the other tests
  const shopper = new Shopper((await startAnother(t)).url);
  const ask = async (email: string) => {
    await shopper.open("/sign-in");
    const answer = await shopper.send("/sign-in", { ...shopper.fields("/sign-in"), email });
    return [answer.status, answer.headers.get("location")];
  };
  assert.deepEqual(await ask("ada@example.com"), await ask("never.seen@example.com"));
  assert.equal((await ask("not an address"))[0], 422);
  let last: (string | number | null)[] = [];
  for (let n = 0; n < 40 && last[0] !== 429; n++) last = await ask(`flood-${n}@example.com`);
  assert.equal(last[0], 429);
});

test("a POST without the visitor's token changes nothing", async () => {
  const shopper = new Shopper(shop.url);
  await shopper.open(`/products/${mug}`);
  const fields = { ...shopper.fields("/cart/add"), quantity: "1" };
  const evil = { origin: "http://evil.example" };
  assert.equal((await shopper.send("/cart/add", fields, evil)).status, 403);
  assert.equal(await statusOfForeignForm(shop.url), 403);
  assert.equal((await shopper.send("/cart/add", { ...fields, form_token: "" })).status, 403);
  const stranger = new Shopper(shop.url);
  await stranger.open("/");
  assert.equal((await stranger.send("/cart/add", fields)).status, 403);
  assert.match((await shopper.open("/cart")).text, /Your cart is empty/);
  assert.equal((await shopper.send("/cart/add", fields)).status, 303);
  const large = await shopper.send("/cart/add", { ...fields, filler: "x".repeat(20_000) });
  assert.equal(large.status, 413);
  const json = await shopper.request("/cart/add", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  assert.equal(json.status, 415);
});

test("every answer has the policy; pages have no inline script or style, and hostile text stays text", async () => {
  assert.doesNotMatch(await pageOfHostileProduct(shop.url), /<script>/);
  const shopper = new Shopper(shop.url);
  const paths = [
    "/",
    "/products",
    "/products/EVIL",
    "/products?category=%22%3E%3Cscript%3E",
    "/search?q=%3Cscript%3Ealert(1)%3C/script%3E",
    "/cart",
    "/sign-in",
    "/nowhere",
  ];
  for (const path of paths) {
    const { headers, text } = await shopper.open(path, { "accept-encoding": "identity" });
    const policy = headers.get("content-security-policy") ?? "";
    assert.match(policy, /default-src 'none'.*script-src 'self'.*frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe/);
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    const scripts = text.match(/<script[^>]*>/g) ?? [];
    assert.equal(
      scripts.filter((one) => !/type="application\/json"|src="\/assets/.test(one)).length,
      0,
      path,
    );
    assert.doesNotMatch(text, /<style|style="|onclick|javascript:/, path);
    assert.doesNotMatch(
      text,
      /(?:src|href)="https?:\/\/(?!127\.0\.0\.1)/,
      `${path} asks another site`,
    );
  }
});

test("prices, dates and all texts follow the language of the visitor", async () => {
  const shopper = new Shopper(shop.url);
  const english = await shopper.open("/products?sort=price", { "accept-language": "en" });
  assert.match(english.text, /<html lang="en">.*£\d+\.\d\d/s);
  await shopper.submit("/language", { language: "tr" });
  assert.match(shopper.page.text, /<html lang="tr">.*£\d+,\d\d/s);
  assert.match(shopper.page.text, /Tüm ürünler/);
  assert.match(shopper.page.text, /<option value="price" selected>/, "the same page again");
});

test("filters, sort orders and pages of the catalogue", async () => {
  const shopper = new Shopper(shop.url);
  const { text } = await shopper.open(
    "/products?category=Garden&min_price=1&max_price=5,50&sort=-price",
  );
  const prices = [...text.matchAll(/card-price">£([\d.]+)/g)].map(([, price]) => Number(price));
  assert.ok(prices.length > 5);
  assert.deepEqual(
    prices,
    prices.toSorted((a, b) => b - a),
  );
  assert.ok(prices.every((price) => price >= 1 && price <= 5.5));
  const names = (page: string) =>
    [...page.matchAll(/href="\/products\/([\w-]+)"/g)].map(([, id]) => id);
  const first = await shopper.open("/products?category=Kitchen");
  const next = /rel="next" href="([^"]+)"/.exec(first.text)?.[1]?.replaceAll("&amp;", "&");
  const second = await shopper.open(next ?? assert.fail("there is a next page"));
  assert.equal(
    names(first.text).some((id) => names(second.text).includes(id)),
    false,
  );
  assert.equal((await shopper.open("/products?after=forged")).status, 404);
  assert.equal((await shopper.open("/products?min_price=x&sort=y")).status, 200);
  assert.equal((await shopper.open("/products/nothing")).status, 404);
});

test("without Weir the search finds by name, and no page says that something is wrong", async () => {
  const shopper = new Shopper(shop.url);
  const { status, text } = await shopper.open("/search?q=cakestand");
  assert.equal(status, 200);
  assert.match(text, /Regency Cakestand 3 Tier/);
  assert.doesNotMatch(text, /unavailable/i);
});

test("a service that is down takes its pages with it, and no others", async (t) => {
  const nothing = "http://127.0.0.1:9"; // a port where no server listens
  const start = (environment: Readonly<Record<string, string>>) =>
    startAnother(t, {
      SHOP_WEIR_URL: nothing,
      SHOP_WEIR_KEY_STOREFRONT: "weir_test_key_of_no_service",
      SHOP_WEIR_KEY_BROWSER: "weir_test_key_of_no_service",
      ...environment,
    });
  const status = async ({ url }: { url: string }, path: string) =>
    (await new Shopper(url).open(path)).status;

  const onlyProducts = await start({ SHOP_ORDERS_URL: nothing, SHOP_NOTIFICATIONS_URL: nothing });
  for (const path of [
    "/",
    "/products",
    `/products/${mug}`,
    "/search?q=cakestand",
    "/sign-in",
    "/cart",
  ]) {
    assert.equal(await status(onlyProducts, path), 200, path);
  }
  const shopper = new Shopper(onlyProducts.url);
  await shopper.open(`/products/${mug}`);
  await shopper.submit("/cart/add");
  assert.equal(shopper.page.status, 503);
  assert.match(shopper.page.text, /Unavailable at the moment: carts and orders/);
  assert.equal(shopper.page.headers.get("retry-after"), "5");
  await shopper.open("/sign-in");
  await shopper.submit("/sign-in", { email: "ada@example.com" });
  assert.match(shopper.page.text, /Unavailable at the moment: messages/);

  const noProducts = await start({ SHOP_PRODUCTS_URL: nothing });
  assert.equal(await status(noProducts, "/products"), 503);
  assert.equal(await status(noProducts, "/sign-in"), 200);
  const home = await new Shopper(noProducts.url).open("/");
  assert.equal(home.status, 200);
  assert.match(home.text, /The catalogue: unavailable at the moment/);
});

test("control: a storefront without its protections breaks each of these promises", async (t) => {
  const storefront = "src/storefront";
  const main = await buildShopWith(t, [
    {
      in: `${storefront}/security/csrf.ts`,
      from: "if (token === null || !sameText(token, expected)) return false;",
      to: "if (expected !== undefined) return true;",
    },
    {
      in: `${storefront}/pages/checkout.ts`,
      from: "idempotencyKey: shop.signer.mac(",
      to: "idempotencyKey: shop.newId() + shop.signer.mac(",
    },
    { in: `${storefront}/sign-in/links.ts`, from: "this.#links.delete(hash);", to: "" },
    {
      in: `${storefront}/html.ts`,
      from: "entities[character] ?? character",
      to: "character",
    },
    { in: `${storefront}/pages/orders.ts`, from: " || order.user_id !== user.id", to: "" },
  ]);
  const { urls } = await startShopProcess(t, {
    names: ["storefront"],
    main,
    environment: {
      ...storefrontEnvironment,
      SHOP_PRODUCTS_URL: shop.products.url,
      SHOP_ORDERS_URL: shop.orders.url,
      SHOP_NOTIFICATIONS_URL: shop.notifications.url,
    },
  });
  const url = urls["storefront"] ?? assert.fail("it listens");
  assert.equal(await statusOfForeignForm(url), 303);
  assert.match(await pageOfHostileProduct(url), /<script>alert/);
  const uses = await usesOfOneLink(url, "many@example.com");
  assert.deepEqual(
    uses.map(({ status }) => status),
    [303, 303, 303, 303],
  );
  const shopper = await signedIn("control@example.com", url);
  const places = await placesOfOneForm(shopper);
  assert.ok(places.size > 1, "one form has several outcomes");
  const order = [...places].find((place) => place?.startsWith("/orders/")) ?? assert.fail();
  assert.equal((await (await signedIn("other@example.com", url)).open(order)).status, 200);
});
