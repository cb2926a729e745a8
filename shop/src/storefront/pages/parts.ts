import { type Html, html } from "../html.ts";
import { picture } from "../pictures/picture.ts";
import type { Product } from "../services/products.ts";
import type { Visit } from "../visit/visit.ts";

/** Product names are English in every language of the shop; screen readers pronounce them so. */
export function productName({ language }: Visit, name: string): Html {
  return language === "en" ? html`${name}` : html`<span lang="en">${name}</span>`;
}

export function categoryName({ texts }: Visit, category: string): string {
  const names: Readonly<Record<string, string>> = texts.categoryNames;
  return (Object.hasOwn(names, category) ? names[category] : undefined) ?? category;
}

export function productPath(id: string): string {
  return `/products/${encodeURIComponent(id)}`;
}

const lowStock = 10;

export function stockText({ texts, formats }: Visit, stock: number): Html {
  if (stock <= 0) return html`<span class="stock none">${texts.soldOut}</span>`;
  return stock <= lowStock
    ? html`<span class="stock low">${texts.lowStock(formats.count(stock))}</span>`
    : html`<span class="stock">${texts.inStock}</span>`;
}

/** `place` names the list: ids in a page are unique. */
function productCard(visit: Visit, product: Product, place: string): Html {
  const { formats, texts } = visit;
  return html`<li class="card"><a href="${productPath(product.id)}">${picture(product, place, texts)}
<span class="card-name">${productName(visit, product.name)}</span></a>
<p class="card-price">${formats.money(product.price, product.currency)}${product.stock <= lowStock && html` ${stockText(visit, product.stock)}`}</p></li>`;
}

export function productGrid(visit: Visit, products: readonly Product[], place: string): Html {
  return html`<ul class="grid">${products.map((product) => productCard(visit, product, place))}</ul>`;
}

interface Row {
  readonly id: string;
  readonly title: string;
  readonly text?: string;
  readonly more?: { readonly path: string; readonly text: string };
  readonly products: readonly Product[];
}

/** A titled row of products; nothing when there are none. */
export function productRow(visit: Visit, { id, title, text, more, products }: Row): Html {
  if (products.length === 0) return html``;
  return html`<section class="row" aria-labelledby="${id}"><div class="row-head"><h2 id="${id}">${title}</h2>
${text !== undefined && html`<p>${text}</p>`}${more && html`<a href="${more.path}">${more.text}</a>`}</div>
<ul class="grid one-row">${products.map((product) => productCard(visit, product, id))}</ul></section>`;
}

/** What a part of a page shows in place of what cannot be loaded. */
export function unavailable({ texts }: Visit, what: string): Html {
  const text = texts.unavailableInline(what);
  return html`<p class="notice bad" role="status">${text.charAt(0).toLocaleUpperCase()}${text.slice(1)}</p>`;
}

interface Empty {
  readonly title: string;
  readonly text: string;
  readonly action?: { readonly path: string; readonly text: string };
}

export function emptyState({ title, text, action }: Empty): Html {
  return html`<div class="empty"><h1>${title}</h1><p>${text}</p>${action && html`<p><a class="button" href="${action.path}">${action.text}</a></p>`}</div>`;
}
