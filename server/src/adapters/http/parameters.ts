import type { Schema } from "@weir/protocol";
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { WeirError } from "../../core/errors.ts";
import { pointerToken } from "../../core/event/json-pointer.ts";
import { nearestName } from "../../core/nearest-name.ts";
import { type QueryEntry, readQueryString } from "../../core/query-string.ts";

// Nothing is converted or removed here: parameters are converted below, where the text is at hand.
const parameters = new Ajv({
  useDefaults: true,
  allErrors: true,
  strict: false,
  validateFormats: false,
  verbose: true,
});
const bodies = new Ajv({ allErrors: true, strict: false, validateFormats: false, verbose: true });

/** Validates the query of a URL. @throws WeirError `invalid_query` */
type Reader = (query: string) => Readonly<Record<string, unknown>>;

/** What a schema of a parameter says about its text. */
interface TextType {
  readonly type?: unknown;
  readonly items?: TextType;
}

const nothing = {};

/**
 * Creates a reader of the query of a route. A name that ends in `.*` is a prefix, e.g.
 * `property.*` for `property.plan=pro`. Unknown names are refused with the nearest known one, and so is
 * a name that occurs twice unless its schema is an array.
 */
export function queryReader(
  declared: Readonly<Record<string, Schema<unknown>>>,
  required: readonly string[] = [],
): Reader {
  const names = Object.keys(declared);
  const properties: Record<string, unknown> = {};
  const patternProperties: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(declared)) {
    if (name.endsWith(".*")) {
      patternProperties[`^${name.slice(0, -2).replaceAll(".", "\\.")}\\.[^]+$`] = schema;
    } else {
      properties[name] = schema;
    }
  }
  const validate = parameters.compile({ type: "object", properties, patternProperties, required });
  const schemaOf = (name: string): TextType | undefined => {
    if (Object.hasOwn(properties, name)) return properties[name] as TextType;
    const prefix = names.find((one) => one.endsWith(".*") && name.startsWith(one.slice(0, -1)));
    return prefix === undefined ? undefined : (declared[prefix] as TextType);
  };
  return (text) => {
    if (text === "" && names.length === 0) return nothing;
    const query = Object.fromEntries(converted(readQueryString(text), schemaOf, names));
    if (!validate(query)) throw invalid("invalid_query", validate, names);
    return query;
  };
}

/** The values by name, as the types that their schemas have. */
function converted(
  entries: readonly QueryEntry[],
  schemaOf: (name: string) => TextType | undefined,
  names: readonly string[],
): Map<string, unknown> {
  const values = new Map<string, unknown>();
  for (const { name, value } of entries) {
    const schema = schemaOf(name);
    if (schema === undefined) throw invalidName(name, names);
    const before = values.get(name);
    if (schema.type === "array") {
      const one = convert(name, value, schema.items ?? {});
      values.set(name, Array.isArray(before) ? [...before, one] : [one]);
    } else if (before === undefined) values.set(name, convert(name, value, schema));
    else throw invalidParameter(name, "is there more than once; send it once");
  }
  return values;
}

/** A number as JSON writes it: no spaces, no hexadecimal, no `Infinity`. */
const numberForm = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

function convert(name: string, text: string, { type }: TextType): unknown {
  if (type === "integer" || type === "number") {
    const number = numberForm.test(text) ? Number(text) : Number.NaN;
    if (!Number.isFinite(number)) throw invalidParameter(name, `must be a ${type}, such as 10`);
    return number;
  }
  if (type === "boolean") {
    if (text !== "true" && text !== "false") {
      throw invalidParameter(name, "must be true or false");
    }
    return text === "true";
  }
  return text;
}

function invalidName(name: string, names: readonly string[]): WeirError {
  return invalidParameter(name.slice(0, 100), unknownName(name, names));
}

function invalidParameter(pointer: string, detail: string): WeirError {
  return new WeirError("invalid_query", {
    detail: `${pointer}: ${detail}`,
    errors: [{ pointer, detail }],
  });
}

/** Creates a validator for JSON bodies: no coercion, no defaults, nothing removed. */
export function bodyValidator(schema: Schema<unknown>): (body: unknown) => void {
  const { $id: _, ...anonymous } = schema;
  const validate = bodies.compile(anonymous);
  const names = Object.keys((schema as { properties?: object }).properties ?? {});
  return (body) => {
    if (!validate(body)) throw invalid("invalid_request", validate, names);
  };
}

function invalid(
  code: "invalid_query" | "invalid_request",
  validate: ValidateFunction,
  names: readonly string[],
): WeirError {
  const errors = (validate.errors ?? []).slice(0, 20).map((error) => ({
    pointer: pointerOf(error, code),
    detail: detailOf(error, names),
  }));
  const [first] = errors;
  return new WeirError(code, {
    detail: first === undefined ? "not valid" : `${first.pointer || "the body"}: ${first.detail}`,
    errors,
  });
}

function pointerOf(error: ErrorObject, code: string): string {
  const name: unknown = error.params["additionalProperty"] ?? error.params["missingProperty"];
  const path =
    typeof name === "string"
      ? error.instancePath + pointerToken(name.slice(0, 100))
      : error.instancePath;
  return code === "invalid_query" ? path.slice(1) : path;
}

function unknownName(name: string, names: readonly string[]): string {
  const near = nearestName(name, names);
  return near === undefined
    ? `unknown name; known are ${names.filter((known) => known !== "").join(", ") || "none"}`
    : `unknown name; did you mean "${near}"?`;
}

function detailOf(error: ErrorObject, names: readonly string[]): string {
  const unknown = error.params["additionalProperty"];
  if (typeof unknown === "string") return unknownName(unknown, names);
  const allowed = error.params["allowedValues"];
  if (Array.isArray(allowed)) return `must be one of ${allowed.join(", ")}`;
  if (error.keyword === "required") return "is required";
  if (error.keyword === "false schema") return "cannot be sent together with the other members";
  if (error.keyword === "pattern") return expectation(error) ?? "is not of the expected form";
  return error.message ?? "not valid";
}

/** What a schema says in words about its pattern (`x-expects`). */
function expectation({ parentSchema, data }: ErrorObject): string | undefined {
  const expects: unknown = parentSchema?.["x-expects"];
  if (typeof expects !== "string") return undefined;
  const isUndecodedPlus = typeof data === "string" && /\d \d\d:\d\d$/.test(data);
  return `must be ${expects}${isUndecodedPlus ? '; encode "+" as %2B in a URL' : ""}`;
}
