/**
 * JSON Schema (2020-12) values that carry the TypeScript type they describe.
 *
 * One definition serves three readers: the validator at run time, the OpenAPI document, and the
 * compiler (`Infer<typeof schema>`), so a type and its check cannot drift apart. Only what the wire
 * contract needs is here; the package stays without dependencies so that a browser can load it.
 */
export interface Schema<T> {
  readonly [keyword: string]: unknown;
  /** Never present at run time: it only carries the type. */
  readonly __infer?: T;
}

/** A member that may be left out of an object. */
export interface Optional<T> {
  readonly optional: Schema<T>;
}

export type Infer<S> = S extends Schema<infer T> ? T : never;

type Members = Readonly<Record<string, Schema<unknown> | Optional<unknown>>>;
type RequiredKeys<M extends Members> = {
  [K in keyof M]: M[K] extends Optional<unknown> ? never : K;
}[keyof M];
type OptionalKeys<M extends Members> = Exclude<keyof M, RequiredKeys<M>>;
type ObjectOf<M extends Members> = {
  [K in RequiredKeys<M>]: Infer<M[K]>;
} & { [K in OptionalKeys<M>]?: M[K] extends Optional<infer T> ? T : never };
type Flat<T> = { [K in keyof T]: T[K] };

type Keywords = Readonly<Record<string, unknown>>;

export function string(keywords: Keywords = {}): Schema<string> {
  return { type: "string", ...keywords };
}

export function number(keywords: Keywords = {}): Schema<number> {
  return { type: "number", ...keywords };
}

export function integer(keywords: Keywords = {}): Schema<number> {
  return { type: "integer", ...keywords };
}

export function boolean(keywords: Keywords = {}): Schema<boolean> {
  return { type: "boolean", ...keywords };
}

/** Any JSON value. */
export function unknown(keywords: Keywords = {}): Schema<unknown> {
  return { ...keywords };
}

export function oneOf<const T extends readonly (string | number)[]>(
  values: T,
  keywords: Keywords = {},
): Schema<T[number]> {
  return { enum: values, ...keywords };
}

export function array<T>(items: Schema<T>, keywords: Keywords = {}): Schema<T[]> {
  return { type: "array", items, ...keywords };
}

/** An object whose members are all of one kind: `{ [name]: T }`. */
export function record<T>(values: Schema<T>, keywords: Keywords = {}): Schema<Record<string, T>> {
  return { type: "object", additionalProperties: values, ...keywords };
}

export function nullable<T>(schema: Schema<T>): Schema<T | null> {
  const {
    type,
    enum: values,
    ...rest
  } = schema as {
    type?: unknown;
    enum?: readonly unknown[];
    [k: string]: unknown;
  };
  if (values !== undefined) return { ...rest, enum: [...values, null] };
  if (typeof type === "string") return { ...rest, type: [type, "null"] };
  return { anyOf: [schema, { type: "null" }] };
}

export function optional<T>(schema: Schema<T>): Optional<T> {
  return { optional: schema };
}

/** A closed object: members that are not named are an error, never dropped. */
export function object<M extends Members>(
  members: M,
  keywords: Keywords = {},
): Schema<Flat<ObjectOf<M>>> {
  const properties: Record<string, unknown> = {};
  const required: string[] = [];
  for (const [name, member] of Object.entries(members)) {
    if (isOptional(member)) {
      properties[name] = member.optional;
    } else {
      properties[name] = member;
      required.push(name);
    }
  }
  return { type: "object", properties, required, additionalProperties: false, ...keywords };
}

function isOptional(member: Schema<unknown> | Optional<unknown>): member is Optional<unknown> {
  return "optional" in member && Object.keys(member).length === 1;
}
