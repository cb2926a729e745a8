/** From the schemas of routes to those of the API document. */
import { textPattern, wildcardPattern } from "@weir/protocol";

export type Json = Record<string, unknown>;

/** Where a schema is used: what is sent is described more strictly than what is answered. */
export type Use = "request" | "response";

export interface SchemaWriter {
  /**
   * A schema of the document; schemas with an `$id` become components. Keywords for this repository
   * only: `x-expects` (a pattern in words, for error messages), `x-pattern` (a pattern that the part
   * checks itself, with a better message), `x-ignored` (a value that is not read, so that anything
   * goes), `x-permissions` (the permissions of all routes).
   */
  write(schema: unknown, use: Use): Json;
  components(): Json;
}

const jsonName = "Json";
const jsonReference = { $ref: `#/components/schemas/${jsonName}` };
const text = { type: "string", pattern: textPattern };
const jsonSchema: Json = {
  description:
    "Any JSON that can be stored: no U+0000, no half surrogate pairs, at most 64 levels deep.",
  anyOf: [
    { type: ["boolean", "null"] },
    { type: "number", minimum: -1e300, maximum: 1e300 },
    text,
    { type: "array", items: jsonReference },
    {
      type: "object",
      propertyNames: { pattern: textPattern },
      additionalProperties: jsonReference,
    },
  ],
};
const patternsName = "PermissionPattern";

/** @param permissions the names of all routes' permissions */
export function createSchemaWriter(permissions: readonly string[]): SchemaWriter {
  const components = new Map<string, { readonly schema: Json; readonly use: Use }>();

  const write = (schema: unknown, use: Use): Json => {
    const {
      $id,
      "x-ignored": ignored,
      "x-expects": _,
      "x-permissions": named,
      "x-pattern": pattern,
      ...own
    } = schema as Json;
    if (named !== undefined) return permissionPattern(use);
    const rest = pattern === undefined ? own : { ...own, pattern };
    if (ignored === true) return rest;
    if (use === "request" && isAnything(rest)) return addJson(rest);
    const written = use === "request" ? storable(rest) : rest;
    const resolved = Object.fromEntries(
      Object.entries(written).map(([keyword, value]) => [keyword, inside(keyword, value, use)]),
    );
    return typeof $id === "string" ? add($id, resolved, use) : resolved;
  };
  const inside = (keyword: string, value: unknown, use: Use): unknown => {
    if (values.has(keyword)) return value;
    if (Array.isArray(value)) return value.map((item) => inside("", item, use));
    if (typeof value !== "object" || value === null) return value;
    if (!maps.has(keyword)) return write(value, use);
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [name, inside("", member, use)]),
    );
  };
  const add = (name: string, schema: Json, use: Use): Json => {
    if (use === "request" || !components.has(name)) components.set(name, { schema, use });
    return { $ref: `#/components/schemas/${name}` };
  };
  const addJson = ({ description }: Json): Json => {
    add(jsonName, jsonSchema, "request");
    return description === undefined ? jsonReference : { ...jsonReference, description };
  };
  const permissionPattern = (use: Use): Json =>
    add(
      patternsName,
      {
        description: "The permission of a route, or a pattern with * for whole segments.",
        anyOf: [{ enum: permissions }, { type: "string", pattern: wildcardPattern }],
        examples: ["events.get.*"],
      },
      use,
    );
  return {
    write,
    components: () =>
      Object.fromEntries(
        [...components]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([name, { schema }]) => [name, schema]),
      ),
  };
}

/** Keywords whose values are data, not schemas. */
const values = new Set(["enum", "const", "default", "examples", "required", "pattern"]);
/** Keywords whose values are schemas by name. */
const maps = new Set(["properties", "patternProperties"]);

function isAnything(schema: Json): boolean {
  return Object.keys(schema).every((keyword) => keyword === "description");
}

/** PostgreSQL stores no U+0000: what is sent must not have it, in names of members neither. */
function storable(schema: Json): Json {
  const { type, additionalProperties } = schema;
  const isText = type === "string" || (Array.isArray(type) && type.includes("string"));
  const isFree = ["pattern", "enum", "const", "format"].every((name) => schema[name] === undefined);
  if (isText && isFree) return { ...schema, pattern: textPattern };
  if (additionalProperties === undefined || additionalProperties === false) return schema;
  return {
    ...schema,
    propertyNames: { pattern: textPattern },
    additionalProperties: additionalProperties === true ? {} : additionalProperties,
  };
}
