/**
 * What a filter means, as Qdrant answers it: one predicate on the values that a key finds in a payload.
 * The index evaluates it once for each distinct list of values (`index-column.ts`), others point by point.
 */
import {
  type Condition,
  type Filter,
  VectorStoreError,
} from "../../../../core/ports/vector-store.ts";

export type KeyCondition = Extract<Condition, { key: string }> | EmptyCondition;
type EmptyCondition = Extract<Condition, { is_empty: unknown }>;
type Range = Extract<Condition, { range: unknown }>["range"];

/** Instants in microseconds, as Qdrant keeps them. */
export interface Bounds {
  readonly kind: "number" | "instant";
  readonly gt: number;
  readonly gte: number;
  readonly lt: number;
  readonly lte: number;
}

/** Values are those of `valuesAt`. */
export function matchesValues(condition: KeyCondition, values: readonly unknown[]): boolean {
  if ("is_empty" in condition) {
    return values.every((value) => value === null || (Array.isArray(value) && value.length === 0));
  }
  return values.some((value) =>
    Array.isArray(value)
      ? value.some((element) => matchesOne(condition, element))
      : matchesOne(condition, value),
  );
}

function matchesOne(condition: Exclude<KeyCondition, EmptyCondition>, value: unknown): boolean {
  if ("range" in condition) return isWithin(boundsOf(condition.range), value);
  const { match } = condition;
  if ("value" in match) return value === match.value;
  if ("any" in match) return (match.any as readonly unknown[]).includes(value);
  // a value of another type is not one of these; null is no value
  return value !== null && !(match.except as readonly unknown[]).includes(value);
}

function isWithin(bounds: Bounds, value: unknown): boolean {
  if (bounds.kind === "number") return typeof value === "number" && contains(bounds, value);
  const instant = typeof value === "string" ? parseInstant(value) : Number.NaN;
  return contains(bounds, instant);
}

/** NaN is within no bounds. */
export function contains({ gt, gte, lt, lte }: Bounds, value: number): boolean {
  return value > gt && value >= gte && value < lt && value <= lte;
}

export function boundsOf(range: Range): Bounds {
  const given = Object.values(range).filter((bound) => bound !== undefined);
  const kind = given.some((bound) => typeof bound === "string") ? "instant" : "number";
  const bound = (name: keyof Range, otherwise: number): number => {
    const value = range[name];
    if (value === undefined) return otherwise;
    return typeof value === "string" ? parseInstant(value) : value;
  };
  return {
    kind,
    gt: bound("gt", Number.NEGATIVE_INFINITY),
    gte: bound("gte", Number.NEGATIVE_INFINITY),
    lt: bound("lt", Number.POSITIVE_INFINITY),
    lte: bound("lte", Number.POSITIVE_INFINITY),
  };
}

const instantPattern =
  /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?)?\s*([Zz]|[+-]\d\d:?\d\d)?$/;

/** Microseconds since 1970, UTC when no offset is given; NaN when it is no instant. */
export function parseInstant(text: string): number {
  const parts = instantPattern.exec(text);
  if (parts === null) return Number.NaN;
  const [, day, time = "00:00:00", fraction = "", offset = "Z"] = parts;
  const seconds = time.length === 5 ? `${time}:00` : time;
  const zone = /^[+-]\d{4}$/.test(offset) ? `${offset.slice(0, 3)}:${offset.slice(3)}` : offset;
  const milliseconds = Date.parse(`${day}T${seconds}${zone.toUpperCase()}`);
  return milliseconds * 1_000 + Number(fraction.padEnd(6, "0").slice(0, 6));
}

/**
 * The values at a path: `a.b`, `a[].b` for the members of every element, `a[0]`. A path that leads
 * nowhere finds nothing. An array is returned as one value.
 */
export function valuesAt(payload: unknown, path: string): unknown[] {
  let found: unknown[] = [payload];
  for (const step of stepsOf(path)) {
    const next: unknown[] = [];
    for (const value of found) {
      if (typeof step === "string") {
        if (isObject(value) && Object.hasOwn(value, step)) next.push(value[step]);
      } else if (Array.isArray(value)) {
        if (step === undefined) next.push(...value);
        else if (step < value.length) next.push(value[step]);
      }
    }
    found = next;
  }
  return found;
}

/** A number is a place in an array, undefined all of them. */
function stepsOf(path: string): readonly (string | number | undefined)[] {
  return path.split(".").flatMap((part) => {
    const name = /^[^[\]]*/.exec(part)?.[0] ?? "";
    const places = [...part.slice(name.length).matchAll(/\[(\d*)\]/g)];
    return [name, ...places.map(([, place]) => (place === "" ? undefined : Number(place)))];
  });
}

/** The whole meaning, point by point. */
export function matchesFilter(
  filter: Filter,
  point: { readonly id: string; readonly payload: unknown },
): boolean {
  const holds = (condition: Condition): boolean => {
    if ("has_id" in condition) return condition.has_id.some((id) => id.toLowerCase() === point.id);
    if (!isKeyCondition(condition)) return matchesFilter(condition, point);
    return matchesValues(condition, valuesAt(point.payload, keyOf(condition)));
  };
  const { must = [], should = [], must_not = [] } = filter;
  return must.every(holds) && (should.length === 0 || should.some(holds)) && !must_not.some(holds);
}

export function isKeyCondition(condition: Condition): condition is KeyCondition {
  return "key" in condition || "is_empty" in condition;
}

export function keyOf(condition: KeyCondition): string {
  return "key" in condition ? condition.key : condition.is_empty.key;
}

const deepest = 32;

/** Refuses what Qdrant refuses. Throws `VectorStoreError` `invalid`. */
export function checkFilter(filter: Filter, depth = 0): void {
  if (!isObject(filter)) throw invalid("a filter is an object");
  if (depth > deepest) throw invalid(`a filter is nested deeper than ${deepest}`);
  for (const [name, conditions] of Object.entries(filter)) {
    if (!["must", "should", "must_not"].includes(name)) throw invalid(`a filter has no ${name}`);
    if (conditions === undefined) continue;
    if (!Array.isArray(conditions)) throw invalid(`${name} is a list of conditions`);
    for (const condition of conditions as readonly Condition[]) checkCondition(condition, depth);
  }
}

function checkCondition(condition: Condition, depth: number): void {
  if (!isObject(condition)) throw invalid("a condition must be an object");
  if ("has_id" in condition) return;
  if ("is_empty" in condition || !("key" in condition)) {
    if (!("is_empty" in condition)) checkFilter(condition as Filter, depth + 1);
    return;
  }
  if ("match" in condition) checkMatch(condition.match);
  else if ("range" in condition) checkRange(condition.range);
  else throw invalid(`the condition on ${keyOf(condition)} says neither match nor range`);
}

function checkMatch(match: Extract<Condition, { match: unknown }>["match"]): void {
  if ("value" in match) {
    const { value } = match;
    const isScalar = typeof value === "string" || typeof value === "boolean";
    if (!isScalar && !Number.isFinite(value)) {
      throw invalid("match takes strings, booleans and finite numbers");
    }
    return;
  }
  const list = "any" in match ? match.any : match.except;
  if (!Array.isArray(list)) throw invalid("match needs value, any or except");
  if ("any" in match) return;
  // Qdrant's `except` requires the type to match as well
  const isWhole = list.every((value) => Number.isInteger(value));
  if (!isWhole && !list.every((value) => typeof value === "string")) {
    throw invalid("except takes strings, or whole numbers, and not both");
  }
}

function checkRange(range: Range): void {
  const bounds = Object.values(range).filter((bound) => bound !== undefined);
  const instants = bounds.filter((bound) => typeof bound === "string");
  if (instants.length !== 0 && instants.length !== bounds.length) {
    throw invalid("a range is of numbers or of instants");
  }
  if (instants.some((instant) => Number.isNaN(parseInstant(instant)))) {
    throw invalid("the bounds of a range are numbers or RFC 3339 instants");
  }
}

function invalid(detail: string): VectorStoreError {
  return new VectorStoreError(`The filter is not valid: ${detail}.`, { code: "invalid" });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
