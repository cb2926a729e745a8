/**
 * The typed steps of one event, before anything is looked up or written: is it about a product, what does
 * it say of it, and what did its user do. A step goes on (`ok`), ends the way in peace (`drop`), or says
 * why it cannot (`dead`): then the event becomes a dead letter.
 */
import { uuidOfText } from "../../core/uuid.ts";
import { documentOf, type EventDocument } from "./event-documents.ts";
import { actionCodes, type EventName, type LogEvent } from "./log-event.ts";
import {
  hashOfText,
  type ProductContent,
  productsTold,
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

/** What is embedded and stored of a product. */
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
  /** Undefined when the event says nothing of it but its id. */
  readonly described: Described | undefined;
}

/** An event that passed the steps: small, so that a page of them is. Without products it has a document. */
export interface ProductEvent {
  readonly name: EventName;
  readonly occurredAt: number;
  readonly eventType: string;
  readonly action: number;
  readonly userKey: string | null;
  readonly products: readonly TouchedProduct[];
  /** For the collection `events`, when that is wanted. */
  readonly document?: EventDocument;
}

export interface StepOptions {
  /** Every event becomes a document, also one without a product. */
  readonly documents?: boolean;
}

export function takeSteps(event: LogEvent, options: StepOptions = {}): Outcome<ProductEvent> {
  if (options.documents === true) return normalise(event, options);
  const bearing = productBearing(event);
  return bearing.kind === "ok" ? normalise(bearing.value, options) : bearing;
}

function productBearing(event: LogEvent): Outcome<LogEvent> {
  return event.productKey === null && event.items === null
    ? { kind: "drop", reason: "no_product" }
    : { kind: "ok", value: event };
}

function normalise(event: LogEvent, { documents }: StepOptions): Outcome<ProductEvent> {
  let told: Map<string, ProductContent>;
  let document: EventDocument | undefined;
  try {
    const payload = readPayload(event);
    told = productsTold(event, payload);
    if (documents === true) document = documentOf(event, payload, told);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { kind: "dead", reason: "unreadable", error: message };
  }
  if (told.size === 0 && document === undefined) return { kind: "drop", reason: "no_product" };
  return {
    kind: "ok",
    value: {
      name: { serviceId: event.serviceId, eventId: event.eventId, receivedAt: event.receivedAt },
      occurredAt: event.occurredAt,
      eventType: event.eventType,
      action: event.action,
      userKey: event.userKey,
      products: [...told].map(([key, content]) => ({
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
/** What was last told of a product: most events tell it again, and hashing a text costs more than comparing it. */
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

const keptIds = 50_000;
let pointIds = new Map<string, string>();
/** Those of before: what is still asked for moves on, the rest is forgotten at once. */
let olderIds = new Map<string, string>();

/** The id of a product's or a user's point. */
export function pointIdOf(key: string): string {
  let id = pointIds.get(key);
  if (id === undefined) {
    id = olderIds.get(key) ?? uuidOfText(key);
    if (pointIds.size >= keptIds) {
      olderIds = pointIds;
      pointIds = new Map();
    }
    pointIds.set(key, id);
  }
  return id;
}

/** Whether an event of this action says what its user likes. */
export function isBehaviour(action: number): boolean {
  return (
    action === actionCodes.view || action === actionCodes.cart || action === actionCodes.purchase
  );
}
