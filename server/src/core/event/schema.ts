/** The protocol's schemas, compiled once, with errors that say how to fix the event. */
import { linePattern, type Schema } from "@weir/protocol";
import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import { pointerToken } from "./json-pointer.ts";

// Nothing is altered: no coercion, no defaults, no removal. Timestamps are read by timestamp.ts,
// once, so Ajv does not validate formats.
const ajv = new Ajv2020({
  strict: true,
  allowUnionTypes: true,
  coerceTypes: false,
  useDefaults: false,
  removeAdditional: false,
  validateFormats: false,
  // for the API document only: timestamp.ts reads timestamps, and says what is wrong with them
  keywords: ["x-pattern"],
});

export interface SchemaProblem {
  readonly pointer: string;
  readonly problem: string;
}

/** A check that returns undefined if `value` matches the schema, else the first problem. */
export function compileCheck(
  schema: Schema<unknown>,
): (value: unknown) => SchemaProblem | undefined {
  const validate = ajv.compile(schema);
  return (value) => {
    if (validate(value)) return undefined;
    const error = validate.errors?.[0];
    if (error === undefined) return { pointer: "", problem: "is invalid." };
    return describe(error, value);
  };
}

function describe(error: ErrorObject, value: unknown): SchemaProblem {
  const pointer = error.instancePath;
  const parameters = error.params as Readonly<Record<string, unknown>>;
  switch (error.keyword) {
    case "additionalProperties": {
      const name = String(parameters["additionalProperty"]).slice(0, 128);
      const home = pointer === "" ? ' Put your own data into "properties".' : "";
      return {
        pointer: pointer + pointerToken(name),
        problem: `is not a known member.${home}`,
      };
    }
    case "required":
      return {
        pointer: pointer + pointerToken(String(parameters["missingProperty"])),
        problem: "is missing. Add it.",
      };
    case "type": {
      const wanted = [parameters["type"]].flat().join(" or ");
      const found = kindOf(valueAt(value, pointer));
      return { pointer, problem: `must be ${wanted}, not ${found}. Values are not converted.` };
    }
    case "minLength":
      return { pointer, problem: "must not be empty. Leave it out instead." };
    case "maxLength":
      return { pointer, problem: `is longer than ${parameters["limit"]} characters. Shorten it.` };
    case "minimum":
      return { pointer, problem: `must be at least ${parameters["limit"]}.` };
    case "pattern":
      return { pointer, problem: patternProblem(pointer, String(parameters["pattern"])) };
    default:
      return { pointer, problem: `${error.message ?? "is invalid"}.` };
  }
}

function patternProblem(pointer: string, pattern: string): string {
  if (pointer.endsWith("/currency"))
    return "must be a currency code of three capital letters (ISO 4217), such as TRY.";
  if (pattern !== linePattern) return `must match the pattern ${pattern}.`;
  return "must not contain control characters. Remove them.";
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function valueAt(value: unknown, pointer: string): unknown {
  let found = value;
  for (const token of pointer.split("/").slice(1)) {
    const name = token.replaceAll("~1", "/").replaceAll("~0", "~");
    found = (found as Readonly<Record<string, unknown>> | null)?.[name];
  }
  return found;
}
