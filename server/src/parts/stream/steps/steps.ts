/**
 * The typed steps of one event, before anything is looked up or written: is it about a product, how does it
 * describe the product, and what did its user do. A step passes its result on (`ok`), skips the event on
 * purpose (`drop`), or fails with a reason (`dead`): then the event becomes a dead letter.
 */
import { messageOf } from "../../../core/errors.ts";
import type { EventName, StoredEvent } from "../../../core/ports/log.ts";
import { actionCodes } from "./action-codes.ts";
import { documentOf, type EventDocument } from "./event-documents.ts";
import { pointIdOf } from "./point-ids.ts";
import {
  hashOfText,
  type ProductContent,
  productsOf,
  rankOf,
  readPayload,
  textOfProduct,
} from "./product-content.ts";

export type Outcome<T> =
  | { readonly kind: "ok"; readonly value: T }
  | { readonly kind: "drop"; readonly reason: DropReason }
  | { readonly kind: "dead"; readonly reason: DeadReason; readonly error: string };

export type DropReason = "no_product";
export type DeadReason = "unreadable" | "embedding_refused" | "not_storable";

/** A description of a product, as it is embedded and stored. */
export interface Described {
  readonly content: ProductContent;
  readonly text: string;
  /** Hex SHA-256 of `text`. */
  readonly hash: string;
  readonly rank: 1 | 2;
}

export interface TouchedProduct {
  readonly pointId: string;
  readonly key: string;
  /** Undefined when the event has only its id. */
  readonly described: Described | undefined;
}

/** An event that passed the steps; small, so that a page of them fits into memory. Without products it has a document. */
export interface ProductEvent {
  readonly name: EventName;
  readonly occurredAt: number;
  readonly eventType: string;
  readonly action: number;
  readonly userKey: string | null;
  readonly products: readonly TouchedProduct[];
  /** For the collection `events`, if that is enabled. */
  readonly document?: EventDocument;
}

export interface StepOptions {
  /** Every event becomes a document, also one without a product. */
  readonly documents?: boolean;
}

export function takeSteps(event: StoredEvent, options: StepOptions = {}): Outcome<ProductEvent> {
  if (options.documents === true) return normalise(event, options);
  const bearing = productBearing(event);
  return bearing.kind === "ok" ? normalise(bearing.value, options) : bearing;
}

function productBearing(event: StoredEvent): Outcome<StoredEvent> {
  return event.productKey === null && event.items === null
    ? { kind: "drop", reason: "no_product" }
    : { kind: "ok", value: event };
}

function normalise(event: StoredEvent, { documents }: StepOptions): Outcome<ProductEvent> {
  let contents: Map<string, ProductContent>;
  let document: EventDocument | undefined;
  try {
    const payload = readPayload(event);
    contents = productsOf(event, payload);
    if (documents === true) document = documentOf(event, payload, contents);
  } catch (error) {
    return { kind: "dead", reason: "unreadable", error: messageOf(error) };
  }
  if (contents.size === 0 && document === undefined) return { kind: "drop", reason: "no_product" };
  return {
    kind: "ok",
    value: {
      name: { serviceId: event.serviceId, eventId: event.eventId, receivedAt: event.receivedAt },
      occurredAt: event.occurredAt,
      eventType: event.eventType,
      action: event.action,
      userKey: event.userKey,
      products: [...contents].map(([key, content]) => ({
        pointId: pointIdOf(key),
        key,
        described: describe(key, content),
      })),
      ...(document === undefined ? {} : { document }),
    },
  };
}

const keptDescriptions = 10_000;
const longestKeptText = 500;
/** The last description of a product: most events repeat it, and hashing a text costs more than comparing it. */
const descriptions = new Map<string, Described>();

function describe(key: string, content: ProductContent): Described | undefined {
  const before = descriptions.get(key);
  if (before !== undefined && isSame(before.content, content)) return before;
  const rank = rankOf(content);
  if (rank === 0) return undefined;
  const text = textOfProduct(content);
  const described: Described = { content, text, hash: hashOfText(text), rank };
  if (text.length <= longestKeptText) {
    if (descriptions.size >= keptDescriptions) descriptions.clear();
    descriptions.set(key, described);
  }
  return described;
}

function isSame(a: ProductContent, b: ProductContent): boolean {
  return (
    a.name === b.name &&
    a.description === b.description &&
    a.category === b.category &&
    a.price === b.price &&
    a.currency === b.currency
  );
}

/** Whether an event with this action shows interest of its user. */
export function isBehaviour(action: number): boolean {
  return (
    action === actionCodes.view || action === actionCodes.cart || action === actionCodes.purchase
  );
}
