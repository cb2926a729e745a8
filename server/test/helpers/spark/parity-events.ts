/** The events of the parity suite: a shop's, in all formats, with everything that an engine can get wrong. */
import type { Product, WeirEvent } from "@weir/protocol";
import { GeneratedEvents } from "../../../src/parts/demo/generator/generated-events.ts";
import type { TestIngest } from "../ingest.ts";

/** How many are sent; few in CI. */
export const parityEvents = Number(process.env["WEIR_TEST_PARITY_EVENTS"] ?? 5_000);

const currencies = ["TRY", "EUR", "USD"] as const;
const batchEvents = 500;
const dayMs = 86_400_000;

export interface SentCounts {
  readonly accepted: number;
  readonly duplicate: number;
  readonly rejected: number;
}

/** Sends the events from `first` to `last`; the same numbers are the same events, whatever their verdict. */
export async function sendParityEvents(
  { send }: TestIngest,
  first: number,
  last: number,
): Promise<SentCounts> {
  const generated = new GeneratedEvents({
    seed: 11,
    start: Math.floor(Date.now() / dayMs) * dayMs - 2 * dayMs,
    density: 0.5,
    shares: { bad: 0.01, late: 0.05, duplicate: 0.02 },
  });
  const counts = { accepted: 0, duplicate: 0, rejected: 0 };
  for (let at = first; at < last; at += batchEvents) {
    const some = Array.from({ length: Math.min(batchEvents, last - at) }, (_, n) => ({
      kind: generated.kindOf(at + n),
      event: varied(generated.at(at + n).event, at + n),
    }));
    const native = some.filter(({ event }, n) => formatOf(event, at + n) === "native");
    const segment = some.filter(({ event }, n) => formatOf(event, at + n) === "segment");
    const cloud = some.filter(({ event }, n) => formatOf(event, at + n) === "cloud");
    const answers = [
      await send("/api/events/batch", JSON.stringify(native.map(({ event }) => event))),
      await send(
        "/v1/batch",
        JSON.stringify({ batch: segment.map(({ event }) => asSegment(event)) }),
      ),
      await send("/cloudevents", JSON.stringify(cloud.map(({ event }) => asCloudEvent(event))), {
        contentType: "application/cloudevents-batch+json",
      }),
    ];
    for (const { body } of answers) {
      for (const { verdict } of body.results ?? []) counts[verdict as keyof SentCounts]++;
    }
  }
  return counts;
}

/** Refunds, several currencies, and anonymous users. */
function varied(event: WeirEvent, n: number): WeirEvent {
  if (typeof event.event_type !== "string" || typeof event.event_id !== "string") return event;
  const number = Number.parseInt(event.event_id.slice(-6), 16);
  const { product } = event;
  const priced = product == null ? {} : { product: { ...product, currency: currencyOf(product) } };
  const user = n % 13 === 0 ? { user_id: null } : {};
  if (event.event_type !== "purchase" || number % 5 !== 0) {
    return { ...event, ...priced, ...user } as WeirEvent;
  }
  const revenue = `${number % 900}.${number % 10}5`;
  return {
    ...event,
    ...priced,
    event_type: "refund",
    properties: { revenue, currency: "EUR" },
  } as WeirEvent;
}

/**
 * The same for all events of a product: of two descriptions with the same text the one that was read first is kept, so
 * its price and currency would depend on the order of reading.
 */
function currencyOf({ id }: Product): string {
  return currencies[Number.parseInt(String(id).slice(0, 2), 16) % currencies.length] ?? "TRY";
}

/** By the event's id: a duplicate has the format of its original. */
function formatOf(event: WeirEvent, n: number): "native" | "segment" | "cloud" {
  if (typeof event.event_id !== "string" || typeof event.event_type !== "string") return "native";
  const number = Number.parseInt(event.event_id.slice(-4), 16);
  if (number % 7 === 0) return "segment";
  return number % 7 === 1 && n >= 0 ? "cloud" : "native";
}

function asSegment({ event_id, event_type, timestamp, user_id, product }: WeirEvent): object {
  const line = { ...product, product_id: product?.id, quantity: 2 };
  const properties =
    event_type === "purchase"
      ? {
          order_id: `o-${event_id}`,
          currency: "USD",
          products: [line, { sku: "gift-box", name: "Gift box", price: 1.25, quantity: 1 }],
        }
      : { ...product, product_id: product?.id };
  return {
    type: "track",
    messageId: event_id,
    event: event_type === "purchase" ? "Order Completed" : event_type,
    ...(user_id == null ? { anonymousId: "someone" } : { userId: user_id }),
    timestamp,
    properties,
  };
}

function asCloudEvent({ event_id, event_type, timestamp, ...data }: WeirEvent): object {
  return {
    specversion: "1.0",
    id: event_id,
    source: "/shop",
    type: event_type,
    time: timestamp,
    datacontenttype: "application/json",
    data,
  };
}
