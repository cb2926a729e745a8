/**
 * An event as a document of the collection `events`: the text that is embedded, and the facts that are stored
 * beside its vector. Depends on the event alone, so that it is the same whenever it is computed.
 */
import { isObject } from "../../../core/event/facts.ts";
import { type Format, formats } from "../../../core/event/record.ts";
import type { StoredEvent } from "../../../core/ports/log.ts";
import { uuidOfText } from "../../../core/uuid.ts";
import { hashOfText, type Members, type ProductContent, textOfProduct } from "./product-content.ts";

export interface EventDocument {
  /** The sender's id of the event. */
  readonly eventId: string;
  readonly text: string;
  /** Hex SHA-256 of `text`. */
  readonly hash: string;
  readonly productIds: readonly string[];
  readonly categories: readonly string[];
  /** Milliseconds since 1970. */
  readonly receivedAt: number;
}

/** A transformer cuts at 256 tokens anyway, and text so far behind says little about the event. */
const longestText = 2_000;
const longestValue = 500;
/** An order with more lines is found by its first ones. */
const mostProducts = 100;
const deepest = 4;
const mostValues = 200;

/**
 * Its text: the event's type, the texts of its products, and the readable texts in its properties, in this
 * order and up to 2,000 characters.
 * @param contents by product key, from `productsOf`.
 */
export function documentOf(
  event: StoredEvent,
  payload: Members,
  contents: ReadonlyMap<string, ProductContent>,
): EventDocument {
  const products = [...contents].slice(0, mostProducts);
  const texts = [event.eventType, ...products.map(([, content]) => textOfProduct(content))];
  const text = joined([...texts, ...readableTexts(propertiesOf(event.format, payload))]);
  const categories = products.flatMap(([, { category }]) => (category === null ? [] : [category]));
  return {
    eventId: sentId(event, payload),
    text,
    hash: hashOfText(text),
    productIds: products.map(([key]) => key),
    categories: [...new Set(categories)],
    receivedAt: event.receivedAtMs,
  };
}

/** The id as it was sent, which people recognise, if the log's id was derived from it. */
function sentId({ format, eventId }: StoredEvent, payload: Members): string {
  const { event_id, messageId, source, id } = payload;
  const sent = { native: event_id, segment: messageId, cloudevents: `${source} ${id}` }[
    nameOf(format)
  ];
  return typeof sent === "string" && uuidOfText(sent) === eventId ? sent : eventId;
}

function nameOf(format: Format): keyof typeof formats {
  if (format === formats.segment) return "segment";
  return format === formats.cloudevents ? "cloudevents" : "native";
}

/** Where each format keeps its properties; without the products, whose texts come first. */
function propertiesOf(format: Format, payload: Members): Members {
  const holder =
    format === formats.cloudevents && isObject(payload["data"]) ? payload["data"] : payload;
  const found = holder["properties"];
  const properties = isObject(found) ? found : format === formats.cloudevents ? holder : {};
  const { products: _lines, product: _product, ...rest } = properties;
  return rest;
}

/** Texts of values, not names of members. The walk is bounded for every event. */
function readableTexts(properties: Members): string[] {
  const found = new Set<string>();
  let visited = 0;
  const walk = (value: unknown, depth: number): void => {
    if (++visited > mostValues) return;
    if (typeof value === "string") {
      if (isReadable(value)) found.add(cut(value.trim(), longestValue));
    } else if (typeof value === "object" && value !== null && depth < deepest) {
      for (const inner of Object.values(value)) walk(inner, depth + 1);
    }
  };
  walk(properties, 0);
  return [...found];
}

/** Two letters in a row, and neither an address nor a generated id. */
function isReadable(value: string): boolean {
  const text = value.slice(0, longestValue).trim();
  if (!/\p{L}{2}/u.test(text) || /^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return false;
  if (/\s/.test(text)) return true;
  if (text.includes("@")) return false;
  return !(text.length >= 16 && /\d/.test(text));
}

function joined(parts: readonly string[]): string {
  return cut(parts.filter((part) => part !== "").join(". "), longestText);
}

/** Never cuts a surrogate pair in two: the half is not valid text. */
function cut(text: string, length: number): string {
  return text.length <= length ? text : text.slice(0, length).replace(/[\uD800-\uDBFF]$/u, "");
}
