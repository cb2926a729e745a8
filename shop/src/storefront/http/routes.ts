import type { Handler } from "../answer.ts";
import { addToCart, cartPage, updateCart } from "../pages/cart.ts";
import { cataloguePage, searchPage } from "../pages/catalogue.ts";
import { checkoutPage, placeOrder } from "../pages/checkout.ts";
import { homePage } from "../pages/home.ts";
import { inboxPage } from "../pages/inbox.ts";
import { changeLanguage } from "../pages/language.ts";
import { orderPage, ordersPage } from "../pages/orders.ts";
import { notFoundPage } from "../pages/problem.ts";
import { productPage } from "../pages/product.ts";
import {
  confirmPage,
  confirmSignIn,
  linkSentPage,
  sendLink,
  signInPage,
  signOut,
} from "../pages/sign-in.ts";

interface PageRoute {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly handle: Handler;
  /** For a page that waits longer than others. */
  readonly timeLimitMs?: number;
}

const get = (path: string, handle: Handler): PageRoute => ({ method: "GET", path, handle });
const post = (path: string, handle: Handler): PageRoute => ({ method: "POST", path, handle });

/** Longer than the order service waits for a payment. */
export const checkoutLimitMs = 30_000;

export const routes: readonly PageRoute[] = [
  get("/", homePage),
  get("/products", cataloguePage),
  get("/products/:id", productPage),
  get("/search", searchPage),
  get("/cart", cartPage),
  post("/cart/add", addToCart),
  post("/cart/update", updateCart),
  get("/checkout", checkoutPage),
  { ...post("/checkout", placeOrder), timeLimitMs: checkoutLimitMs + 10_000 },
  get("/orders", ordersPage),
  get("/orders/:id", orderPage),
  get("/sign-in", signInPage),
  post("/sign-in", sendLink),
  get("/sign-in/sent", linkSentPage),
  get("/sign-in/confirm", confirmPage),
  post("/sign-in/confirm", confirmSignIn),
  post("/sign-out", signOut),
  get("/inbox", inboxPage),
  post("/language", changeLanguage),
  get("/*", async (_shop, { visit }) => notFoundPage(visit)),
  post("/*", async (_shop, { visit }) => notFoundPage(visit)),
];
