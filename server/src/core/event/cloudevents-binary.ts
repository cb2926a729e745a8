/**
 * CloudEvents 1.0 in binary mode: the attributes are headers and the body is the data, over HTTP
 * (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md) and Kafka
 * (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md).
 */
import { checkCloudEvent } from "./cloudevents.ts";
import { readBody } from "./element.ts";
import { scanSingle } from "./json-scan.ts";
import { type Checked, type Receipt, type Rejection, reject } from "./record.ts";

export type HttpHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** The headers of a binary-mode CloudEvent. */
export interface BinaryHeaders {
  /** Attributes without their prefix, decoded. */
  readonly attributes: ReadonlyMap<string, string>;
  /** Of the data. */
  readonly contentType: string | undefined;
}

export function isBinaryMode(headers: HttpHeaders): boolean {
  return headers["ce-specversion"] !== undefined || headers["ce-id"] !== undefined;
}

/** The headers of an HTTP request: `ce-`, values percent-encoded. */
export function httpBinaryHeaders(headers: HttpHeaders): BinaryHeaders | Rejection {
  const attributes = new Map<string, string>();
  for (const [header, value] of Object.entries(headers)) {
    if (!header.startsWith("ce-") || typeof value !== "string") continue;
    const name = header.slice(3);
    const decoded = attributeText(value);
    if (decoded === undefined) {
      return reject(`/${name}`, `is not valid percent-encoded UTF-8 in the header ${header}.`);
    }
    attributes.set(name, decoded);
  }
  const contentType = headers["content-type"];
  return { attributes, contentType: typeof contentType === "string" ? contentType : undefined };
}

/**
 * It is stored in the structured form with unchanged data (as `data` if it is JSON, else as `data_base64`), so
 * that the raw log has one form of CloudEvents.
 */
export function checkBinaryCloudEvent(
  bytes: Buffer,
  { attributes, contentType }: BinaryHeaders,
  receipt: Receipt,
): Checked {
  const all = new Map(attributes);
  if (contentType !== undefined) all.set("datacontenttype", contentType);
  const wrong = [...all.keys()].find((name) => !/^[a-z0-9]{1,40}$/.test(name) || name === "data");
  if (wrong !== undefined) {
    return reject(`/${wrong}`, `is not a valid attribute name: header ce-${wrong.slice(0, 57)}.`);
  }
  const members = [...all].sort(([a], [b]) => (a < b ? -1 : 1));
  const head = members.map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`).join(",");
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
