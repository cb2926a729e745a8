import type { Answer, Shop, ShopRequest } from "../answer.ts";
import { type Html, html } from "../html.ts";
import { picture } from "../pictures/picture.ts";
import type { Product } from "../services/products.ts";
import { eventOf, eventProduct } from "../visit/events.ts";
import type { Visit } from "../visit/visit.ts";
import { ifAvailable } from "./available.ts";
import { formToken } from "./layout.ts";
import { categoryName, productName, productRow, stockText } from "./parts.ts";
import { notFoundPage } from "./problem.ts";

const similarLength = 6;
export const maxQuantity = 99;

export async function productPage(shop: Shop, { visit, params }: ShopRequest): Promise<Answer> {
  const { texts } = visit;
  const id = params["id"] ?? "";
  const [product, similar] = await Promise.all([shop.products.get(id), similarProducts(shop, id)]);
  if (product === undefined) return notFoundPage(visit);
  const content = html`<article class="product">
<div class="product-picture">${picture(product, "product", texts)}</div>
<div class="product-facts">
<p class="crumb"><a href="${`/products?category=${encodeURIComponent(product.category)}`}">${categoryName(visit, product.category)}</a></p>
<h1>${productName(visit, product.name)}</h1>
<p class="price">${visit.formats.money(product.price, product.currency)}</p>
<p>${stockText(visit, product.stock)}</p>
${product.description && product.description !== product.name && html`<p lang="en">${product.description}</p>`}
${addForm(visit, product)}
<p class="small">${texts.shippingNote}</p>
<p class="small">${texts.productCode}: ${product.id}</p>
</div></article>
${productRow(visit, { id: "similar", title: texts.similar, products: similar })}`;
  return {
    status: 200,
    title: product.name,
    content,
    events: [eventOf(shop, visit, { event_type: "product.view", product: eventProduct(product) })],
    remember: { seen: [id, ...visit.seen.filter((other) => other !== id)] },
  };
}

async function similarProducts(shop: Shop, id: string): Promise<readonly Product[]> {
  const { search, products, logger } = shop;
  if (search === undefined) return [];
  const ids = await ifAvailable(logger, search.similar(id, 2 * similarLength));
  const found = await ifAvailable(logger, products.getAll(ids ?? []));
  return (found ?? []).slice(0, similarLength);
}

function addForm(visit: Visit, product: Product): Html {
  const { texts } = visit;
  if (product.stock <= 0) return html``;
  const most = Math.min(maxQuantity, product.stock);
  return html`<form class="add" method="post" action="/cart/add">${formToken(visit)}
<input type="hidden" name="product_id" value="${product.id}">
<label for="quantity">${texts.quantity}</label>
<input id="quantity" name="quantity" type="number" inputmode="numeric" min="1" max="${most}" value="1" required>
<button>${texts.addToCart}</button></form>`;
}
