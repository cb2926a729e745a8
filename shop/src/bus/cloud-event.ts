/** A message of the bus: CloudEvents 1.0 in its JSON format. */
export interface CloudEvent<Data = unknown> {
  readonly specversion: "1.0";
  /** With `source` the identity of the message: the same id again is the same message. */
  readonly id: string;
  readonly source: string;
  /** Its version at the end, as in `shop.order.paid.v1`; it is the routing key. */
  readonly type: string;
  readonly subject?: string;
  /** RFC 3339. */
  readonly time: string;
  readonly datacontenttype: "application/json";
  /** Which schema of `schemas/` describes `data`. */
  readonly dataschema?: string;
  readonly data: Data;
}

/** Reads a message; throws an Error that names the first member that is missing or wrong. */
export function parseCloudEvent(text: string): CloudEvent {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null) throw new Error("the message is no object");
  const members = value as Readonly<Record<string, unknown>>;
  if (members["specversion"] !== "1.0") throw new Error('"specversion" is not "1.0"');
  for (const name of ["id", "source", "type", "time"]) {
    const member = members[name];
    if (typeof member !== "string" || member === "") throw new Error(`"${name}" is missing`);
  }
  if (!("data" in members)) throw new Error('"data" is missing');
  return value as CloudEvent;
}
