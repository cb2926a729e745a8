/** CloudEvents 1.0 in structured mode (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md). */
import { eventInstantPattern, limits, linePattern, schema } from "@weir/protocol";
import { contentHash } from "./content-hash.ts";
import { type Body, parseElement } from "./element.ts";
import { amountProblem, commerceFacts, isObject, userKey } from "./facts.ts";
import type { Element } from "./json-scan.ts";
import { checkTimestamp, sentId } from "./native.ts";
import { type Checked, formats, identityOf, type Receipt, reject } from "./record.ts";
import { compileCheck } from "./schema.ts";

const { nullable, object, optional, string, oneOf } = schema;
const sourceLength = 512;

// Open: extensions are members of their own.
export const cloudEventSchema = object(
  {
    specversion: oneOf(["1.0"]),
    id: string({ minLength: 1, maxLength: limits.eventIdLength }),
    source: string({ minLength: 1, maxLength: sourceLength }),
    type: string({
      minLength: 1,
      maxLength: limits.eventTypeLength,
      pattern: linePattern,
    }),
    time: optional(nullable(string({ "x-pattern": eventInstantPattern }))),
    subject: optional(nullable(string())),
    datacontenttype: optional(nullable(string())),
    dataschema: optional(nullable(string())),
    data_base64: optional(nullable(string())),
  },
  {
    $id: "CloudEvent",
    additionalProperties: true,
    examples: [
      {
        specversion: "1.0",
        id: "order-42",
        source: "/checkout",
        type: "order.created",
        data: { user_id: "user123" },
      },
    ],
  },
);
const problemOf = compileCheck(cloudEventSchema);

interface CloudEvent {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly time?: string | null;
}

/** A structured CloudEvent. Facts come from `data` if it has the form of a native event. */
export function checkCloudEvent(body: Body, element: Element, receipt: Receipt): Checked {
  const parsed = parseElement(body, element);
  if ("kind" in parsed) return parsed;
  const answerId = sentId(parsed.value, "id");
  const problem = problemOf(parsed.value);
  if (problem !== undefined) {
    const words =
      problem.pointer === "/specversion" && !problem.problem.startsWith("is missing")
        ? 'must be "1.0".'
        : problem.problem;
    return reject(problem.pointer, words, { answerId });
  }
  const event = parsed.value as CloudEvent;
  let occurredAt = receipt.now * 1000;
  if (typeof event.time === "string") {
    const found = checkTimestamp(event.time, "/time", receipt);
    if (typeof found !== "number") return { ...found, answerId };
    occurredAt = found;
  }
  const { data: sent } = parsed.exact as { readonly data?: unknown };
  const data = isObject(sent) ? sent : {};
  const product = isObject(data["product"]) ? data["product"] : undefined;
  const properties = isObject(data["properties"]) ? data["properties"] : data;
  const facts = commerceFacts({
    product,
    lines: properties["products"],
    revenue: [properties["revenue"]],
    currency:
      properties["revenue"] === undefined
        ? (product?.["currency"] ?? properties["currency"])
        : properties["currency"],
  });
  if (facts === undefined) return reject("/data", amountProblem, { answerId });

  const { start, end } = element;
  // source and id together are the identity, whatever the id looks like
  const identity = identityOf(`${event.source} ${event.id}`, receipt);
  const content = contentHash(body.bytes, start, end);
  return {
    kind: "record",
    serviceId: receipt.serviceId,
    format: formats.cloudevents,
    answerId: event.id,
    eventId: identity.eventId,
    eventRef: identity.eventRef,
    hashHigh: content.high,
    hashLow: content.low,
    occurredAt,
    eventType: event.type,
    userKey: userKey(data["user_id"], data["anonymous_id"]),
    productKey: facts.productKey,
    amount: facts.amount,
    currency: facts.currency,
    items: facts.items,
    body: body.bytes,
    start,
    end,
  };
}
