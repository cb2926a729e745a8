/**
 * An event as a document of the collection `events`: the text that is embedded, and what is kept of the
 * event beside its vector. Made of the event alone, so that it is the same whenever it is made again.
 */
import { isObject } from "../../core/event/facts.ts";
import { type Format, formats } from "../../core/event/record.ts";
import { uuidOfText } from "../../core/uuid.ts";
import type { LogEvent } from "./log-event.ts";
import { hashOfText, type Members, type ProductContent, textOfProduct } from "./product-content.ts";

export interface EventDocument {
  /** What the sender calls the event. */
  readonly eventId: string;
  readonly text: string;
  /** Hex SHA-256 of `text`. */
  readonly hash: string;
  readonly productIds: readonly string[];
  readonly categories: readonly string[];
  /** Milliseconds since 1970. */
  readonly receivedAt: number;
}

/** A transformer cuts at 256 tokens anyway, and what is said so late says little of the event. */
const longestText = 2_000;
const longestValue = 500;
/** An order of more lines is found by its first ones. */
const mostProducts = 100;
const deepest = 4;
const mostValues = 200;

/**
 * The event's type, what it says of its products, and the readable texts in its properties, in this order
 * and up to 2,000 characters.
 * @param told by product key, as `productsTold` finds it.
 */
export function documentOf(
  event: LogEvent,
  payload: Members,
  told: ReadonlyMap<string, ProductContent>,
): EventDocument {
  const products = [...told].slice(0, mostProducts);
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

/** What people would recognise: the id as it was sent, if the log's id was made of it. */
function sentId({ format, eventId }: LogEvent, payload: Members): string {
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

/** Where each format keeps what is not about the event itself; products are told of elsewhere. */
function propertiesOf(format: Format, payload: Members): Members {
  const holder =
    format === formats.cloudevents && isObject(payload["data"]) ? payload["data"] : payload;
  const found = holder["properties"];
  const properties = isObject(found) ? found : format === formats.cloudevents ? holder : {};
  const { products: _lines, product: _product, ...rest } = properties;
  return rest;
}

/** Texts of values, not names of members; the walk is bounded whatever the event holds. */
function readableTexts(properties: Members): string[] {
  const found = new Set<string>();
  let looked = 0;
  const walk = (value: unknown, depth: number): void => {
    if (++looked > mostValues) return;
    if (typeof value === "string") {
      if (isReadable(value)) found.add(cut(value.trim(), longestValue));
    } else if (typeof value === "object" && value !== null && depth < deepest) {
      for (const inner of Object.values(value)) walk(inner, depth + 1);
    }
  };
  walk(properties, 0);
  return [...found];
}

/** Two letters in a row, and neither an address nor an id that a machine made. */
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

/** A surrogate pair is not cut in two: it would be no text any more. */
function cut(text: string, length: number): string {
  return text.length <= length ? text : text.slice(0, length).replace(/[\uD800-\uDBFF]$/u, "");
}
