/** The descriptions of products in an event, in any format. */
import { hash } from "node:crypto";
import { isObject } from "../../../core/event/facts.ts";
import { formats } from "../../../core/event/record.ts";
import type { StoredEvent } from "../../../core/ports/log.ts";

export interface ProductContent {
  readonly name: string | null;
  readonly description: string | null;
  readonly category: string | null;
  readonly price: number | null;
  readonly currency: string | null;
}

export type Members = Readonly<Record<string, unknown>>;

/** Longer texts add nothing to the meaning, and cost. */
const longest = { name: 500, description: 4_000, category: 200 } as const;

/** @throws SyntaxError when the payload is not the JSON object that the log promises. */
export function readPayload(event: StoredEvent): Members {
  const payload: unknown = JSON.parse(event.payload);
  if (!isObject(payload)) throw new SyntaxError("the payload is not a JSON object");
  return payload;
}

/** The products of an event by key, each as the event describes it. */
export function productsOf(event: StoredEvent, payload: Members): Map<string, ProductContent> {
  const keys = event.productKey === null ? itemKeys(event) : [event.productKey];
  const found = new Map<string, ProductContent>();
  if (keys.length === 0) return found;
  const objects = candidates(event, payload);
  for (const key of keys) {
    const members =
      objects.find((product) => keyOf(product) === key) ??
      (keys.length === 1 ? objects[0] : undefined);
    found.set(key, contentOf(members, payload));
  }
  return found;
}

function itemKeys(event: StoredEvent): string[] {
  return [
    ...new Set((event.items ?? []).flatMap(({ id }) => (typeof id === "string" ? [id] : []))),
  ];
}

/** The objects of the payload that may describe a product, where core/event/ finds its key. */
function candidates(event: StoredEvent, payload: Members): Members[] {
  const holder =
    event.format === formats.cloudevents && isObject(payload["data"]) ? payload["data"] : payload;
  const properties = isObject(holder["properties"]) ? holder["properties"] : {};
  const lines = Array.isArray(properties["products"])
    ? properties["products"].filter(isObject)
    : [];
  const single = event.format === formats.segment ? properties : holder["product"];
  return isObject(single) ? [...lines, single] : lines;
}

function keyOf(product: Members): string | undefined {
  const id = product["id"] ?? product["product_id"] ?? product["sku"];
  return id === undefined || id === null ? undefined : String(id);
}

function contentOf(product: Members | undefined, payload: Members): ProductContent {
  const price = Number(product?.["price"] ?? Number.NaN);
  const properties = payload["properties"];
  const currency =
    product?.["currency"] ?? (isObject(properties) ? properties["currency"] : undefined);
  return {
    name: textOf(product?.["name"], longest.name),
    description: textOf(product?.["description"], longest.description),
    category: textOf(product?.["category"], longest.category),
    price: Number.isFinite(price) && price >= 0 ? price : null,
    currency:
      typeof currency === "string" && /^[A-Za-z]{3}$/.test(currency)
        ? currency.toUpperCase()
        : null,
  };
}

function textOf(value: unknown, limit: number): string | null {
  if (typeof value !== "string") return null;
  const text = value.trim();
  if (text === "") return null;
  // never cut a surrogate pair in two: PostgreSQL would refuse the half
  return text.length <= limit ? text : text.slice(0, limit).replace(/[\uD800-\uDBFF]$/u, "");
}

/** The text that is embedded; empty when the event has none. */
export function textOfProduct({
  name,
  description,
  category,
}: Pick<ProductContent, "name" | "description" | "category">): string {
  return [name, description, category].filter((part) => part !== null).join(". ");
}

/** 2 with a name, 1 with other text, 0 with none: a content is never replaced by one of lower rank. */
export function rankOf(content: ProductContent): 0 | 1 | 2 {
  if (content.name !== null) return 2;
  return textOfProduct(content) === "" ? 0 : 1;
}

/** Hex of the SHA-256 of the text. */
export function hashOfText(text: string): string {
  return hash("sha256", text, "hex");
}
