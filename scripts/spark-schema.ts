/**
 * The Spark schema of topic `events`, as a Python module, from the message's JSON Schema in `protocol`.
 *
 * Scalars keep their type. Objects and arrays become strings: Spark then hands over their JSON text exactly as it
 * was sent, and a number in it is never rounded. Amounts are text in the message already.
 */
import { eventMessageSchema, eventMessageVersion, topics } from "../protocol/src/topics.ts";

interface Member {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minLength?: number;
}

export function sparkSchema(): string {
  const { properties, required } = eventMessageSchema as unknown as {
    readonly properties: Readonly<Record<string, Member>>;
    readonly required: readonly string[];
  };
  const members = Object.entries(properties);
  const patterns = members.flatMap(([name, { pattern }]) =>
    pattern === undefined ? [] : [`    ${quote(name)}: ${quote(pattern)},`],
  );
  const choices = members.flatMap(([name, { enum: values }]) =>
    values === undefined ? [] : [`    ${quote(name)}: (${values.map(quote).join(", ")}),`],
  );
  return `"""Generated from protocol/src/topics.ts by \`npm run generate\`. Do not edit."""

from pyspark.sql.types import LongType, StringType, StructField, StructType

EVENTS_TOPIC = ${quote(topics.events)}
EVENTS_DLQ_TOPIC = ${quote(topics.eventsDlq)}
VERSION = ${eventMessageVersion}

# Objects and arrays are strings: their JSON text as it was sent.
EVENT_SCHEMA = StructType(
    [
${members.map(([name, member]) => `        StructField(${quote(name)}, ${sparkType(name, member)}, True),`).join("\n")}
    ]
)

# Members that may not be null or missing.
REQUIRED = (
${members
  .filter(([name, member]) => required.includes(name) && !isNullable(member))
  .map(([name]) => `    ${quote(name)},`)
  .join("\n")}
)

PATTERNS = {
${patterns.join("\n")}
}

CHOICES = {
${choices.join("\n")}
}
`;
}

function sparkType(name: string, member: Member): string {
  const types = [member.type ?? (member.enum === undefined ? [] : "string")].flat();
  const [type = ""] = types.filter((one) => one !== "null");
  if (type === "integer") return "LongType()";
  if (type === "string" || type === "object" || type === "array") return "StringType()";
  throw new TypeError(
    `the member ${name} of topic events has type ${type}, which has no Spark type`,
  );
}

function isNullable({ type }: Member): boolean {
  return Array.isArray(type) && type.includes("null");
}

function quote(value: unknown): string {
  return JSON.stringify(value);
}
