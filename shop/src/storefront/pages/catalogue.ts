import type { Answer, Shop, ShopRequest } from "../answer.ts";
import { type Html, html } from "../html.ts";
import { type Product, type ProductSort, productSorts } from "../services/products.ts";
import { eventOf } from "../visit/events.ts";
import type { Visit } from "../visit/visit.ts";
import { ifAvailable } from "./available.ts";
import { categoryName, emptyState, productGrid } from "./parts.ts";

const pageLength = 24;

interface Filter {
  readonly text: string;
  readonly category: string | undefined;
  readonly minPrice: string | undefined;
  readonly maxPrice: string | undefined;
  readonly sort: ProductSort;
}

/** Prices may be typed with a comma. What is not a price or a sort order is left out. */
function readFilter(query: URLSearchParams): Filter {
  const price = (name: string) => {
    const text = (query.get(name) ?? "").trim().replace(",", ".");
    return /^\d{1,7}(\.\d{1,2})?$/.test(text) ? text : undefined;
  };
  const category = (query.get("category") ?? "").slice(0, 100);
  return {
    text: (query.get("q") ?? "").trim().slice(0, 200),
    category: category === "" ? undefined : category,
    minPrice: price("min_price"),
    maxPrice: price("max_price"),
    sort: productSorts.find((sort) => sort === query.get("sort")) ?? "name",
  };
}

export async function cataloguePage(shop: Shop, { visit, query }: ShopRequest): Promise<Answer> {
  const { texts } = visit;
  const filter = readFilter(query);
  const after = query.get("after") ?? undefined;
  const [page, categories] = await Promise.all([
    shop.products.list({ ...filter, text: undefined, after, limit: pageLength }),
    ifAvailable(shop.logger, shop.products.categories()),
  ]);
  const title =
    filter.category === undefined ? texts.allProducts : categoryName(visit, filter.category);
  const content = html`<div class="catalogue"><h1>${title}</h1>
${filterForm(visit, { filter, categories: categories ?? [], path: "/products" })}
<div class="results">${results(visit, page.items)}
${pageLinks(visit, { filter, next: page.next, isFirst: after === undefined })}</div></div>`;
  return { status: 200, title, content };
}

export async function searchPage(shop: Shop, { visit, query }: ShopRequest): Promise<Answer> {
  const { texts, formats } = visit;
  const filter = readFilter(query);
  if (filter.text === "") {
    const content = emptyState({ title: texts.searchEmpty, text: texts.searchHint });
    return { status: 200, title: texts.search, content };
  }
  const [products, categories] = await Promise.all([
    findProducts(shop, filter),
    ifAvailable(shop.logger, shop.products.categories()),
  ]);
  const title = texts.searchTitle(filter.text);
  const content = html`<div class="catalogue"><h1>${title}</h1>
${filterForm(visit, { filter, categories: categories ?? [], path: "/search" })}
<div class="results"><p class="count-line" role="status">${texts.resultCount(formats.count(products.length))}</p>
${results(visit, products)}</div></div>`;
  const event = eventOf(shop, visit, {
    event_type: "search",
    properties: {
      query: filter.text,
      results: products.length,
      ...(filter.category === undefined ? {} : { category: filter.category }),
    },
  });
  return { status: 200, title, content, events: [event] };
}

/** By meaning. By name while Weir's search is down, and for products that Weir has no event of yet. */
async function findProducts(shop: Shop, filter: Filter): Promise<readonly Product[]> {
  const { search, products, logger } = shop;
  if (search !== undefined) {
    const wanted = { ...filter, limit: pageLength };
    const ids = await ifAvailable(logger, search.find(filter.text, wanted));
    // Weir knows the prices of the events; those of the shop decide
    const known = ids === undefined ? [] : await products.getAll(ids);
    const found = known.filter((product) => matches(product, filter));
    if (found.length > 0) return found;
  }
  const { items } = await products.list({ ...filter, limit: pageLength });
  return items;
}

function matches(product: Product, { category, minPrice, maxPrice }: Filter): boolean {
  const price = Number(product.price);
  return (
    (category === undefined || product.category === category) &&
    (minPrice === undefined || price >= Number(minPrice)) &&
    (maxPrice === undefined || price <= Number(maxPrice))
  );
}

function results(visit: Visit, products: readonly Product[]): Html {
  const { texts } = visit;
  if (products.length > 0) return productGrid(visit, products, "results");
  return html`<div class="empty"><h2>${texts.nothingFound}</h2><p>${texts.nothingFoundText}</p><p><a href="/products">${texts.allProducts}</a></p></div>`;
}

interface FilterForm {
  readonly filter: Filter;
  readonly categories: readonly string[];
  readonly path: "/products" | "/search";
}

function filterForm(visit: Visit, { filter, categories, path }: FilterForm): Html {
  const { texts } = visit;
  const sortNames: Readonly<Record<ProductSort, string>> = {
    name: texts.sortName,
    price: texts.sortPriceAscending,
    "-price": texts.sortPriceDescending,
    newest: texts.sortNewest,
  };
  const isSearch = path === "/search";
  const option = (value: string, text: string, chosen: boolean) =>
    html`<option value="${value}"${chosen && html` selected`}>${text}</option>`;
  return html`<form class="filters" action="${path}" method="get" aria-label="${texts.filters}">
${isSearch && html`<input type="hidden" name="q" value="${filter.text}">`}
<div><label for="category">${texts.category}</label><select id="category" name="category">
${option("", texts.anyCategory, filter.category === undefined)}
${categories.map((category) => option(category, categoryName(visit, category), category === filter.category))}</select></div>
<div class="pair"><div><label for="min_price">${texts.minPrice}</label><input id="min_price" name="min_price" inputmode="decimal" value="${filter.minPrice}" maxlength="10"></div>
<div><label for="max_price">${texts.maxPrice}</label><input id="max_price" name="max_price" inputmode="decimal" value="${filter.maxPrice}" maxlength="10"></div></div>
${!isSearch && html`<div><label for="sort">${texts.sort}</label><select id="sort" name="sort">${productSorts.map((sort) => option(sort, sortNames[sort], sort === filter.sort))}</select></div>`}
<div class="filter-actions"><button>${texts.apply}</button>
<a href="${isSearch ? `/search?q=${encodeURIComponent(filter.text)}` : "/products"}">${texts.clearFilters}</a></div>
</form>`;
}

interface Place {
  readonly filter: Filter;
  readonly next: string | null;
  readonly isFirst: boolean;
}

function pageLinks({ texts }: Visit, { filter, next, isFirst }: Place): Html {
  if (next === null && isFirst) return html``;
  const query = new URLSearchParams();
  const { category, minPrice, maxPrice, sort } = filter;
  if (category !== undefined) query.set("category", category);
  if (minPrice !== undefined) query.set("min_price", minPrice);
  if (maxPrice !== undefined) query.set("max_price", maxPrice);
  query.set("sort", sort);
  const first = `/products?${query}`;
  if (next !== null) query.set("after", next);
  return html`<nav class="pages" aria-label="${texts.pages}">
${!isFirst && html`<a class="button quiet" href="${first}">${texts.firstPage}</a>`}
${next !== null && html`<a class="button" rel="next" href="${`/products?${query}`}">${texts.nextPage}</a>`}</nav>`;
}
