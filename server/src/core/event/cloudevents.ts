/** CloudEvents 1.0 over HTTP (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md). */
import { eventInstantPattern, limits, linePattern, schema } from "@weir/protocol";
import { contentHash } from "./content-hash.ts";
import { type Body, parseElement, readBody } from "./element.ts";
import { amountProblem, commerceFacts, isObject, userKey } from "./facts.ts";
import { type Element, scanSingle } from "./json-scan.ts";
import { checkTimestamp, sentId } from "./native.ts";
import {
  type Checked,
  formats,
  identityOf,
  type Receipt,
  type Rejection,
  reject,
} from "./record.ts";
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

type Headers = Readonly<Record<string, string | string[] | undefined>>;

export function isBinaryMode(headers: Headers): boolean {
  return headers["ce-specversion"] !== undefined || headers["ce-id"] !== undefined;
}

/**
 * A binary-mode CloudEvent: its attributes are headers and the body is the data. It is stored in the
 * structured form with unchanged data (as `data` if it is JSON, else as `data_base64`), so that the raw
 * log has one form of CloudEvents.
 */
export function checkBinaryCloudEvent(bytes: Buffer, headers: Headers, receipt: Receipt): Checked {
  const attributes: [string, string][] = [];
  for (const [header, value] of Object.entries(headers)) {
    if (!header.startsWith("ce-") || typeof value !== "string") continue;
    const name = header.slice(3);
    const decoded = attributeText(value);
    if (decoded === undefined) {
      return reject(`/${name}`, `is not valid percent-encoded UTF-8 in the header ${header}.`);
    }
    if (!/^[a-z0-9]{1,40}$/.test(name) || name === "data") {
      return reject(`/${name}`, `is not a valid attribute name: header ${header.slice(0, 60)}.`);
    }
    attributes.push([name, decoded]);
  }
  const contentType = headers["content-type"];
  if (typeof contentType === "string") attributes.push(["datacontenttype", contentType]);
  attributes.sort(([a], [b]) => (a < b ? -1 : 1));
  const head = attributes.map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`).join(",");
  const isJson = /^\s*(application|text)\/([a-z0-9.-]+\+)?json\s*(;|$)/i.test(String(contentType));
  const data = dataMember(bytes, isJson);
  if ("kind" in data) return data;
  const envelope = Buffer.concat([Buffer.from(`{${head}`), ...data.parts, Buffer.from("}")]);
  const element = scanSingle(envelope);
  if ("malformed" in element) return reject("", `is not valid: ${element.malformed}.`);
  return checkCloudEvent(readBody(envelope), element, receipt);
}

function dataMember(bytes: Buffer, isJson: boolean): Rejection | { readonly parts: Buffer[] } {
  if (bytes.length === 0) return { parts: [] };
  if (!isJson) return { parts: [Buffer.from(`,"data_base64":"${bytes.toString("base64")}"`)] };
  const found = scanSingle(bytes);
  if ("malformed" in found) {
    return reject("/data", `is not valid JSON: ${found.malformed}.`, { code: "malformed_json" });
  }
  return { parts: [Buffer.from(',"data":'), bytes.subarray(found.start, found.end)] };
}

/** Header values are percent-encoded UTF-8; Node decodes them as latin1. */
function attributeText(value: string): string | undefined {
  if (/[^ -~]/.test(value)) return undefined;
  const bare = /^".*"$/.test(value) ? value.slice(1, -1).replace(/\\(.)/g, "$1") : value;
  try {
    return decodeURIComponent(bare.replace(/%(?![0-9A-Fa-f]{2})/g, "%25"));
  } catch {
    return undefined;
  }
}
