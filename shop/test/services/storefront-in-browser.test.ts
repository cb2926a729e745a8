/** The shop in a real browser with a real Weir: what a click sends, and how the pages look to assistive technology. */
import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { accessibilityFindings, openPage, type PageOptions } from "../../../testing/browser.ts";
import { until } from "../../../testing/until.ts";
import { startShop } from "../helpers/shop.ts";
import { holdPort, type ShopWeir, startShopWeir } from "../helpers/weir.ts";

interface SentEvent {
  readonly event_id: string;
  readonly event_type: string;
  /** As sent. */
  readonly payload: { readonly user_id?: string; readonly anonymous_id?: string };
}

/** Products that Weir knows by the views of others. */
const known = [
  ["22423", "Regency Cakestand 3 Tier", "Kitchen"],
  ["21034", "Rex Cash+carry Jumbo Shopper", "Bags & Travel"],
  ["85123A", "White Hanging Heart T-Light Holder", "Candles & Lights"],
  ["22469", "Heart Of Wicker Small", "Decoration"],
] as const;

const waitMs = Math.max(60_000, Number(process.env["WEIR_TEST_WAIT_MS"] ?? 0));
const cleanUps: (() => unknown)[] = [];
let weir: ShopWeir;
let url: string;

before(async () => {
  const t = { after: (work: () => unknown) => void cleanUps.push(work) };
  const port = await holdPort(t);
  weir = await startShopWeir(t, port.origin);
  const shop = await startShop(t, {
    SHOP_STOREFRONT_URL: port.origin,
    SHOP_WEIR_URL: weir.url,
    SHOP_WEIR_KEY_STOREFRONT: weir.keys.search,
    SHOP_WEIR_KEY_BROWSER: weir.keys.browser,
  });
  port.connectTo(shop.url);
  url = port.origin;
  await teach(weir);
});
after(async () => {
  for (const work of cleanUps.toReversed()) await work();
});

test("browse, search with a typing error, cart, sign in, check out, message: each step is an event in Weir, once", async (t) => {
  const { page, complaints } = await openBrowser(t);
  const steps: [string, string[]][] = [];
  const check = async (name: string) => steps.push([name, await accessibilityFindings(page)]);

  await page.goto(`${url}/`);
  await check("home");
  await page.goto(`${url}/products`);
  await check("catalogue");
  await page.getByRole("searchbox").fill("regencey cakstand");
  await page.getByRole("searchbox").press("Enter");
  await page.getByRole("heading", { name: "Results for “regencey cakstand”" }).waitFor();
  await check("search");
  await page.getByRole("link", { name: "Regency Cakestand 3 Tier" }).first().click();
  await page.getByRole("heading", { level: 1, name: "Regency Cakestand 3 Tier" }).waitFor();
  await check("product");
  await page.getByRole("button", { name: "Add to cart" }).click();
  await page.getByText("Regency Cakestand 3 Tier is in your cart.").waitFor();
  await check("cart");
  await page.getByRole("complementary").getByRole("link", { name: "Go to checkout" }).click();
  await page.getByLabel("E-mail address").fill("ada@example.com");
  await check("sign in");
  await page.getByRole("button", { name: "Send the link" }).click();
  await page.getByRole("link", { name: "Open the inbox (demo)" }).click();
  await page.locator(".message-text a").first().waitFor();
  await check("inbox");
  await page.locator(".message-text a").first().click();
  await check("confirm");
  await page.getByRole("button", { name: "Sign in now" }).click();
  await page.getByRole("heading", { level: 1, name: "Checkout" }).waitFor();
  await check("checkout");
  await page.getByRole("button", { name: "Place order" }).dblclick();
  await page.getByText("Thank you! Your order is placed.").waitFor();
  await until(
    async () => {
      if (await page.locator(".message").first().isVisible()) return true;
      await page.reload();
      return false;
    },
    { what: "the message about the order" },
  );
  await check("order");
  await page.getByRole("link", { name: "Orders", exact: true }).click();
  assert.equal(await page.locator(".order-card").count(), 1, "a double click is one order");
  await check("orders");

  const wanted = [
    "search",
    "product.view",
    "cart.add",
    "identify",
    "checkout.started",
    "checkout.submitted",
  ];
  const events = await until(
    async () => {
      const found = await browserEvents(weir);
      return wanted.every((type) => found.some(({ event_type }) => event_type === type)) && found;
    },
    { what: "all events of the click path in Weir" },
  );
  const counts = wanted.map(
    (type) => events.filter(({ event_type }) => event_type === type).length,
  );
  assert.deepEqual(
    counts,
    wanted.map(() => 1),
    "each event once",
  );
  const identify = events.find(({ event_type }) => event_type === "identify");
  const search = events.find(({ event_type }) => event_type === "search");
  assert.ok(identify?.payload.user_id && identify.payload.anonymous_id);
  assert.equal(search?.payload.anonymous_id, identify.payload.anonymous_id);
  assert.equal(search?.payload.user_id, undefined);
  assert.deepEqual(
    steps.filter(([, findings]) => findings.length > 0),
    [],
  );
  assert.deepEqual(complaints, []);
});

test("the drawer shows what the page sent, with Weir's verdict, by keyboard alone; dark and on a phone", async (t) => {
  const phone = { viewport: { width: 390, height: 844 }, colorScheme: "dark" } as const;
  const { page, complaints } = await openBrowser(t, phone);
  await page.goto(`${url}/products/22423`);
  const button = page.getByRole("button", { name: /What this click sent/ });
  await button.focus();
  await page.keyboard.press("Enter");
  const drawer = page.getByRole("dialog", { name: "What this click sent" });
  await drawer.getByText("accepted").waitFor();
  const json = JSON.parse((await drawer.locator("pre").textContent()) ?? "");
  assert.equal(json.event_type, "product.view");
  const link = drawer.getByRole("link", { name: "Watch them on Weir’s live page" });
  assert.equal(await link.getAttribute("href"), `${weir.url}/live/`);
  assert.deepEqual(await accessibilityFindings(page), []);
  await page.keyboard.press("Escape");
  await drawer.waitFor({ state: "hidden" });
  for (const path of ["/", "/products", "/search?q=heart", "/cart", "/sign-in"]) {
    await page.goto(url + path);
    assert.deepEqual(await accessibilityFindings(page), [], path);
    const wider = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
    assert.ok(Number(wider) <= 0, `${path} scrolls sideways`);
  }
  await page.goto(`${url}/nowhere`);
  assert.deepEqual(await accessibilityFindings(page), []);
  // a page that is left at once still sends its event, and Weir has it once
  await page.goto(`${url}/products/85123A`, { waitUntil: "domcontentloaded" });
  await page.goto("about:blank");
  await until(async () => (await viewsOf(weir, "85123A")) === 1, {
    what: "the view of a page that was left",
  });
  assert.deepEqual(
    complaints.filter((text) => !text.includes("404")),
    [],
  );
});

/** A browser with a profile of its own. */
async function openBrowser(t: TestContext, options: PageOptions = {}) {
  const opened = await openPage(t, { locale: "en-GB", ...options });
  opened.page.setDefaultTimeout(waitMs);
  return opened;
}

/** Views of some products, until the search finds them. */
async function teach(weir: ShopWeir): Promise<void> {
  const events = known.map(([id, name, category]) => ({
    event_type: "product.view",
    user_id: "another-shopper",
    product: { id, name, category, price: 5, currency: "GBP" },
  }));
  await weir.ask("/api/events/batch", events);
  await until(
    async () => {
      const { results } = await weir.ask("/api/search", { text: "cakestand", hybrid: true });
      return Array.isArray(results) && results.length === known.length;
    },
    { what: "the products to be searchable" },
  );
}

async function browserEvents(weir: ShopWeir): Promise<SentEvent[]> {
  const { events } = await weir.ask("/api/events?source=shop-browser&limit=100");
  return events as SentEvent[];
}

async function viewsOf(weir: ShopWeir, productId: string): Promise<number> {
  const events = await browserEvents(weir);
  return events.filter((event) => JSON.stringify(event).includes(`"${productId}"`)).length;
}
