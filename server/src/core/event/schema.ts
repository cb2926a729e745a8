/** The contract of protocol's schemas, compiled once, and its errors in words that say how to mend. */
import type { Schema } from "@weir/protocol";
import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import { pointerToken } from "./json-pointer.ts";

// Nothing is altered: no coercion, no defaults, no removal. Timestamps are read by timestamp.ts,
// once, so Ajv does not look at formats.
const ajv = new Ajv2020({
  strict: true,
  allowUnionTypes: true,
  coerceTypes: false,
  useDefaults: false,
  removeAdditional: false,
  validateFormats: false,
});

export interface SchemaProblem {
  readonly pointer: string;
  readonly problem: string;
}

/** A check that answers undefined when `value` keeps to the schema, else the first thing wrong. */
export function compileCheck(
  schema: Schema<unknown>,
): (value: unknown) => SchemaProblem | undefined {
  const validate = ajv.compile(schema);
  return (value) => {
    if (validate(value)) return undefined;
    const error = validate.errors?.[0];
    if (error === undefined) return { pointer: "", problem: "breaks the contract." };
    return inWords(error, value);
  };
}

function inWords(error: ErrorObject, value: unknown): SchemaProblem {
  const pointer = error.instancePath;
  const parameters = error.params as Readonly<Record<string, unknown>>;
  switch (error.keyword) {
    case "additionalProperties": {
      const name = String(parameters["additionalProperty"]).slice(0, 128);
      const home = pointer === "" ? ' Put your own data into "properties".' : "";
      return {
        pointer: pointer + pointerToken(name),
        problem: `is not a member that Weir knows, and nothing sent is dropped.${home}`,
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
      return { pointer, problem: "must not be empty. Leave it out when there is nothing to say." };
    case "maxLength":
      return { pointer, problem: `is longer than ${parameters["limit"]} characters. Shorten it.` };
    case "minimum":
      return { pointer, problem: `must be ${parameters["limit"]} or more.` };
    case "pattern":
      return { pointer, problem: patternProblem(pointer) };
    default:
      return { pointer, problem: `${error.message ?? "breaks the contract"}.` };
  }
}

function patternProblem(pointer: string): string {
  if (pointer.endsWith("/currency")) return "must be three capital letters of ISO 4217, as in TRY.";
  return "must not hold control characters. Remove them.";
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
