import type { Schema } from "@weir/protocol";
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { WeirError } from "../../core/errors.ts";
import { nearestName } from "../../core/nearest-name.ts";

/**
 * Query parameters arrive as text. Here, and only here, text is converted to numbers and booleans, and
 * defaults are filled in. `bodyValidator` validates bodies and alters nothing.
 */
const parameters = new Ajv({
  coerceTypes: "array",
  useDefaults: true,
  allErrors: true,
  strict: false,
  validateFormats: false,
  verbose: true,
});
const bodies = new Ajv({ allErrors: true, strict: false, validateFormats: false, verbose: true });

type Reader = (query: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>;

/**
 * Creates a reader that validates the query of a route. A name that ends in `.*` is a prefix, e.g.
 * `property.*` for `property.plan=pro`. Unknown names are refused with the nearest known one.
 */
export function queryReader(
  declared: Readonly<Record<string, Schema<unknown>>>,
  required: readonly string[] = [],
): Reader {
  const properties: Record<string, unknown> = {};
  const patternProperties: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(declared)) {
    if (name.endsWith(".*")) {
      patternProperties[`^${name.slice(0, -2).replaceAll(".", "\\.")}\\..+$`] = schema;
    } else {
      properties[name] = schema;
    }
  }
  const validate = parameters.compile({
    type: "object",
    properties,
    patternProperties,
    required,
    additionalProperties: false,
  });
  const names = Object.keys(declared);
  return (query) => {
    const copy = { ...query };
    if (!validate(copy)) throw invalid("invalid_query", validate, names);
    return copy;
  };
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
  const name = error.params["additionalProperty"] ?? error.params["missingProperty"];
  const path = typeof name === "string" ? `${error.instancePath}/${name}` : error.instancePath;
  return code === "invalid_query" ? path.slice(1) : path;
}

function detailOf(error: ErrorObject, names: readonly string[]): string {
  const unknownName = error.params["additionalProperty"];
  if (typeof unknownName === "string") {
    const near = nearestName(unknownName, names);
    const known =
      near === undefined
        ? `known are ${names.filter((name) => name !== "").join(", ") || "none"}`
        : `did you mean "${near}"?`;
    return `unknown name; ${known}`;
  }
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
