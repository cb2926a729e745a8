/** A shopper: a state machine that opens the shop's pages and submits its forms until the plan is carried out. */
import type { Browser } from "./browser.ts";
import { formTo, type Page, productLinks } from "./page.ts";
import type { Plan } from "./plan.ts";
import { pick } from "./random.ts";
import { mistype } from "./typing-error.ts";

export interface Shopper {
  readonly plan: Plan;
  readonly browser: Browser;
  /** Before each step but the first. */
  pause(): Promise<void>;
  /** What happens to a paid order after the visit. */
  afterOrder(orderId: string): Promise<void>;
}

export type State =
  | "arriving"
  | "choosing"
  | "looking"
  | "adding"
  | "leaving_cart"
  | "checking_out"
  | "signing_in"
  | "reading_mail"
  | "paying"
  | "ordered"
  | "gone";

/** What a visit led to, for the log. */
export interface Visited {
  readonly pages: number;
  readonly views: number;
  readonly searches: number;
  readonly isSignedIn: boolean;
  readonly hasCart: boolean;
  /** Of a paid order. */
  readonly orderId: string | undefined;
}

interface Visit extends Shopper {
  page: Page;
  pages: number;
  views: number;
  searches: number;
  isSignedIn: boolean;
  hasCart: boolean;
  /** Looks beyond the plan, for something that is not sold out. */
  extraViews: number;
  orderId: string | undefined;
}

const mostExtraViews = 4;
/** Of a state machine that goes in circles because the shop changed. */
const mostSteps = 80;

/** Every state and its step, which returns the next one. */
const steps: Readonly<Record<Exclude<State, "gone">, (visit: Visit) => Promise<State>>> = {
  async arriving(visit) {
    await show(visit, visit.browser.open("/"));
    return "choosing";
  },

  /** Goes to a page with products. */
  async choosing(visit) {
    const { page, plan } = visit;
    const way = plan.ways[visit.views] ?? "browse";
    const offered = productLinks(page);
    if (way === "similar" && offered.length > 0) return "looking";
    if (way === "category") {
      const category = pick(
        plan.random,
        page.links.filter(({ to }) => to.startsWith("/products?category=")),
      );
      if (category !== undefined) {
        await show(visit, visit.browser.open(category.to));
        return "looking";
      }
    }
    const search = formTo(page, "/search");
    const named = pick(plan.random, offered);
    if (way === "search" && search !== undefined && named !== undefined) {
      const words = named.text.split(" ").slice(0, 3).join(" ");
      const q = plan.mistypes ? mistype(words, plan.random) : words;
      await show(visit, visit.browser.submit(search, { q }));
      visit.searches++;
      return "looking";
    }
    if (offered.length === 0) await show(visit, visit.browser.open("/products"));
    return "looking";
  },

  /** Opens a product of the page. */
  async looking(visit) {
    const { plan } = visit;
    if (productLinks(visit.page).length === 0) await show(visit, visit.browser.open("/products"));
    const product = pick(plan.random, productLinks(visit.page));
    // an empty shop
    if (product === undefined) return "gone";
    await show(visit, visit.browser.open(product.to));
    visit.views++;
    if (visit.views < plan.views) return "choosing";
    return plan.outcome === "leaves" ? "gone" : "adding";
  },

  /** A product without the form is sold out. */
  async adding(visit) {
    const form = formTo(visit.page, "/cart/add");
    if (form === undefined) {
      visit.extraViews++;
      return visit.extraViews > mostExtraViews ? "gone" : "choosing";
    }
    await show(visit, visit.browser.submit(form, { quantity: String(visit.plan.quantity) }));
    visit.hasCart = visit.page.status < 400;
    return visit.plan.outcome === "abandons" ? "leaving_cart" : "checking_out";
  },

  /** Some go as far as the sign-in. */
  async leaving_cart(visit) {
    return visit.plan.signsIn ? "checking_out" : "gone";
  },

  async checking_out(visit) {
    await show(visit, visit.browser.open("/checkout"));
    if (formTo(visit.page, "/sign-in") !== undefined) return "signing_in";
    return formTo(visit.page, "/checkout") === undefined ? "gone" : "paying";
  },

  async signing_in(visit) {
    const form = formTo(visit.page, "/sign-in");
    if (form === undefined) return "gone";
    await show(visit, visit.browser.submit(form, { email: addressOf(visit.plan) }));
    // too many sign-ins from one address
    if (visit.page.status >= 400) return "gone";
    return "reading_mail";
  },

  /** Opens the newest link of the inbox and confirms it. */
  async reading_mail(visit) {
    await show(visit, visit.browser.open("/inbox"));
    const link = visit.page.links.find(({ to }) => to.startsWith("/sign-in/confirm?"));
    if (link === undefined) return "gone";
    await show(visit, visit.browser.open(link.to));
    const form = formTo(visit.page, "/sign-in/confirm");
    if (form === undefined) return "gone";
    await show(visit, visit.browser.submit(form));
    visit.isSignedIn = visit.page.status < 400;
    if (!visit.isSignedIn || visit.plan.outcome === "abandons") return "gone";
    return formTo(visit.page, "/checkout") === undefined ? "checking_out" : "paying";
  },

  async paying(visit) {
    const form = formTo(visit.page, "/checkout");
    if (form === undefined) return "gone";
    const simulate = visit.plan.outcome === "declined" ? "decline" : "success";
    await show(visit, visit.browser.submit(form, { simulate }));
    const [, orderId] = /^\/orders\/([\w-]+)$/.exec(visit.page.at) ?? [];
    visit.orderId = orderId;
    return orderId === undefined ? "gone" : "ordered";
  },

  async ordered(visit) {
    await visit.afterOrder(visit.orderId ?? "");
    return "gone";
  },
};

/**
 * Resolves with what the visit led to.
 * @throws ShopDownError, and the signal's reason
 */
export async function visitShop(shopper: Shopper): Promise<Visited> {
  const visit: Visit = {
    ...shopper,
    page: { at: "", status: 0, links: [], forms: [], data: { events: [] } },
    ...{ pages: 0, views: 0, searches: 0, extraViews: 0 },
    ...{ isSignedIn: false, hasCart: false, orderId: undefined },
  };
  let state: State = "arriving";
  for (let step = 0; state !== "gone" && step < mostSteps; step++) {
    if (step > 0) await shopper.pause();
    state = await steps[state](visit);
  }
  const { pages, views, searches, isSignedIn, hasCart, orderId } = visit;
  return { pages, views, searches, isSignedIn, hasCart, orderId };
}

async function show(visit: Visit, page: Promise<Page>): Promise<void> {
  visit.page = await page;
  visit.pages++;
}

/** Some shoppers come back: the same address is the same user. */
const customers = 400;

function addressOf({ random }: Plan): string {
  return `shopper-${1 + Math.floor(random() ** 2 * customers)}@example.org`;
}
