import type { Answer, Shop, ShopRequest } from "../answer.ts";
import { type Html, html } from "../html.ts";
import { picture } from "../pictures/picture.ts";
import type { Product } from "../services/products.ts";
import type { Visit } from "../visit/visit.ts";
import { ifAvailable } from "./available.ts";
import { categoryName, productRow, unavailable } from "./parts.ts";

const rowLength = 6;

export async function homePage(shop: Shop, { visit }: ShopRequest): Promise<Answer> {
  const { texts } = visit;
  const [categories, newest, popular, personal] = await Promise.all([
    ifAvailable(shop.logger, shop.products.categories()),
    ifAvailable(shop.logger, shop.products.list({ sort: "newest", limit: rowLength })),
    popularProducts(shop),
    personalRow(shop, visit),
  ]);
  const shown = popular.length > 0 ? popular : (newest?.items ?? []);
  const content = html`${hero(visit, shown)}
${categories === undefined ? unavailable(visit, texts.serviceProducts) : categoryTiles(visit, categories)}
${personal}
${productRow(visit, { id: "popular", title: texts.popular, more: { path: "/products", text: texts.seeAll }, products: popular })}
${productRow(visit, { id: "newest", title: texts.newest, more: { path: "/products?sort=newest", text: texts.seeAll }, products: newest?.items ?? [] })}`;
  return { status: 200, title: texts.tagline, content };
}

/** By Weir's count of what is bought and viewed; empty without Weir. */
async function popularProducts({ search, products, logger }: Shop): Promise<readonly Product[]> {
  if (search === undefined) return [];
  // a user that does not exist has no interests, so the answer is what is popular; more, as some may be gone
  const popular = await ifAvailable(
    logger,
    search.recommend("visitor-without-history", 2 * rowLength),
  );
  const found = await ifAvailable(logger, products.getAll(popular?.ids ?? []));
  return (found ?? []).slice(0, rowLength);
}

/** For a signed-in shopper by their interests, for others by what this browser saw last. */
async function personalRow(shop: Shop, visit: Visit): Promise<Html> {
  const { search, products, logger } = shop;
  const { texts, user, seen } = visit;
  if (search === undefined) return html``;
  if (user !== undefined) {
    const found = await ifAvailable(logger, search.recommend(user.id, 2 * rowLength));
    if (found?.basis === "interest") {
      const shown = (await ifAvailable(logger, products.getAll(found.ids))) ?? [];
      return productRow(visit, {
        id: "for-you",
        title: texts.forYou,
        text: texts.forYouWhy,
        products: shown.slice(0, rowLength),
      });
    }
  }
  const [last] = seen;
  if (last === undefined) return html``;
  const [product, ids] = await Promise.all([
    ifAvailable(logger, products.get(last)),
    ifAvailable(logger, search.similar(last, 2 * rowLength)),
  ]);
  if (product === undefined || ids === undefined) return html``;
  const fresh = ids.filter((id) => !seen.includes(id));
  const shown = (await ifAvailable(logger, products.getAll(fresh))) ?? [];
  return productRow(visit, {
    id: "for-you",
    title: texts.forYou,
    text: texts.becauseSeen(product.name),
    products: shown.slice(0, rowLength),
  });
}

function hero({ texts }: Visit, products: readonly Product[]): Html {
  return html`<section class="hero"><div><h1>${texts.heroTitle}</h1><p>${texts.heroText}</p>
<p><a class="button" href="/products">${texts.heroAction}</a></p></div>
<div class="hero-pictures" aria-hidden="true">${products.slice(0, 3).map((product) => picture(product, "hero", texts))}</div></section>`;
}

function categoryTiles(visit: Visit, categories: readonly string[]): Html {
  const { texts } = visit;
  return html`<section aria-labelledby="categories"><h2 id="categories">${texts.categories}</h2>
<ul class="tiles">${categories.map((category) => html`<li><a href="${`/products?category=${encodeURIComponent(category)}`}"><span aria-hidden="true">${picture({ id: category, name: category, category }, "tile", texts)}</span><span>${categoryName(visit, category)}</span></a></li>`)}</ul></section>`;
}
