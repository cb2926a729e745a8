import type { Answer, Handler, Shop, ShopRequest } from "../answer.ts";
import { type Html, html } from "../html.ts";
import { sumOf } from "../money.ts";
import { picture } from "../pictures/picture.ts";
import type { Cart, CartLine } from "../services/orders.ts";
import type { Product } from "../services/products.ts";
import { eventOf, eventProduct } from "../visit/events.ts";
import type { Visit } from "../visit/visit.ts";
import { formToken } from "./layout.ts";
import { emptyState, productName, productPath, stockText } from "./parts.ts";
import { maxQuantity } from "./product.ts";

/** A line of the cart with its product, unless that is no longer sold. */
export interface ShownLine extends CartLine {
  readonly product: Product | undefined;
}

export interface ShownCart {
  readonly id: string;
  readonly lines: readonly ShownLine[];
  readonly count: number;
  /** Of what is still sold. */
  readonly total: { readonly amount: string; readonly currency: string };
}

/** The visit's cart with today's prices; empty when there is none. */
export async function loadCart(shop: Shop, { cart: known }: Visit): Promise<ShownCart> {
  const cart = known === undefined ? undefined : await shop.orders.cart(known.id);
  const items = cart?.items ?? [];
  const products = await shop.products.getAll(items.map(({ product_id }) => product_id));
  const byId = new Map(products.map((product) => [product.id, product]));
  const lines = items.map((line) => ({ ...line, product: byId.get(line.product_id) }));
  const sold = lines.flatMap(({ product, quantity }) =>
    product === undefined ? [] : [{ price: product.price, quantity }],
  );
  return {
    id: known?.id ?? "",
    lines,
    count: countOf(items),
    total: { amount: sumOf(sold), currency: products[0]?.currency ?? "GBP" },
  };
}

function countOf(items: readonly CartLine[]): number {
  return items.reduce((sum, { quantity }) => sum + quantity, 0);
}

export async function cartPage(shop: Shop, { visit }: ShopRequest): Promise<Answer> {
  const { texts } = visit;
  const cart = await loadCart(shop, visit);
  const remember = visit.cart === undefined ? {} : { cart: { id: cart.id, count: cart.count } };
  if (cart.lines.length === 0) {
    const action = { path: "/products", text: texts.keepShopping };
    const content = emptyState({ title: texts.cartEmpty, text: texts.cartEmptyText, action });
    return { status: 200, title: texts.cartTitle, content, remember };
  }
  const content = html`<h1>${texts.cartTitle}</h1><div class="with-summary">
<ul class="lines">${cart.lines.map((line) => cartLine(visit, line))}</ul>
${summary(visit, cart, { actions: html`<p><a class="button wide" href="/checkout">${texts.toCheckout}</a></p><p><a href="/products">${texts.keepShopping}</a></p>` })}</div>`;
  return { status: 200, title: texts.cartTitle, content, remember };
}

function cartLine(visit: Visit, { product_id, product, quantity }: ShownLine): Html {
  const { texts, formats } = visit;
  const name = product?.name ?? product_id;
  const field = `quantity-${product_id}`;
  return html`<li class="line"><div class="thumb" aria-hidden="true">${product && picture(product, "cart", texts)}</div>
<div class="line-name"><a href="${productPath(product_id)}">${productName(visit, name)}</a>
<p class="small">${product === undefined ? texts.noLongerSold : formats.money(product.price, product.currency)} ${product && product.stock < quantity && stockText(visit, product.stock)}</p></div>
<form class="line-form" method="post" action="/cart/update">${formToken(visit)}<input type="hidden" name="product_id" value="${product_id}">
<label class="hidden" for="${field}">${texts.quantityOf(name)}</label>
<input id="${field}" name="quantity" type="number" inputmode="numeric" min="1" max="${maxQuantity}" value="${quantity}" required>
<button class="quiet">${texts.update}</button></form>
<form method="post" action="/cart/update">${formToken(visit)}<input type="hidden" name="product_id" value="${product_id}"><input type="hidden" name="quantity" value="0">
<button class="quiet" aria-label="${texts.removeNamed(name)}">${texts.remove}</button></form>
<p class="line-price">${product && formats.money(sumOf([{ price: product.price, quantity }]), product.currency)}</p></li>`;
}

interface SummaryParts {
  readonly title?: Html;
  readonly actions: Html;
}

/** The sum of the cart, with what can be done next. */
export function summary(visit: Visit, { total }: ShownCart, parts: SummaryParts): Html {
  const { texts, formats } = visit;
  const amount = formats.money(total.amount, total.currency);
  return html`<aside class="summary" aria-label="${texts.total}">${parts.title}<dl>
<div><dt>${texts.subtotal}</dt><dd>${amount}</dd></div><div><dt>${texts.shipping}</dt><dd>${texts.free}</dd></div>
<div class="sum"><dt>${texts.total}</dt><dd>${amount}</dd></div></dl>${parts.actions}</aside>`;
}

/** Adds to what the cart has; makes a cart for the first product. */
export const addToCart: Handler = async (shop, { visit, form }) => {
  const id = form.get("product_id") ?? "";
  const product = await shop.products.get(id);
  const quantity = readQuantity(form);
  if (product === undefined || quantity === undefined || quantity === 0) return { to: "/cart" };
  const cart = await currentCart(shop, visit);
  const had = cart.items.find(({ product_id }) => product_id === id)?.quantity ?? 0;
  const wanted = Math.min(maxQuantity, had + quantity);
  const changed = await shop.orders.setQuantity(cart.id, { product_id: id, quantity: wanted });
  const added = eventOf(shop, visit, {
    event_type: "cart.add",
    product: eventProduct(product, quantity),
  });
  return {
    to: "/cart",
    remember: {
      cart: { id: cart.id, count: countOf(changed?.items ?? []) },
      flash: { notice: { text: "added", name: product.name }, events: [added] },
    },
  };
};

/** Sets the quantity of a line; 0 removes it. */
export const updateCart: Handler = async (shop, { visit, form }) => {
  const product_id = form.get("product_id") ?? "";
  const quantity = readQuantity(form);
  if (visit.cart === undefined || quantity === undefined || product_id === "")
    return { to: "/cart" };
  const { id } = visit.cart;
  const changed = await shop.orders.setQuantity(id, { product_id, quantity });
  const removed = eventOf(shop, visit, {
    event_type: "cart.remove",
    properties: { product_id },
  });
  return {
    to: "/cart",
    remember: {
      cart: { id, count: countOf(changed?.items ?? []) },
      flash: { notice: { text: "cartUpdated" }, ...(quantity === 0 ? { events: [removed] } : {}) },
    },
  };
};

/** A cart that the order service no longer has is replaced. */
async function currentCart({ orders }: Shop, { cart }: Visit): Promise<Cart> {
  const found = cart === undefined ? undefined : await orders.cart(cart.id);
  return found ?? orders.createCart();
}

function readQuantity(form: URLSearchParams): number | undefined {
  const text = form.get("quantity") ?? "";
  return /^\d{1,3}$/.test(text) ? Math.min(Number(text), maxQuantity) : undefined;
}
