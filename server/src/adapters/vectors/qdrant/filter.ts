/** Translates the port's filters to Qdrant's, which differ only in numbers. */
import { type Condition, type Filter, VectorStoreError } from "../../../core/ports/vector-store.ts";

type Matched = string | number | boolean;

/** Qdrant matches strings, booleans and integers; other numbers become ranges of one number. */
export function toQdrantFilter(filter: Filter | undefined): Filter | undefined {
  if (filter === undefined) return undefined;
  const { must, should, must_not } = filter;
  return {
    ...(must === undefined ? {} : { must: must.map(toCondition) }),
    ...(should === undefined ? {} : { should: should.map(toCondition) }),
    ...(must_not === undefined ? {} : { must_not: must_not.map(toCondition) }),
  };
}

function toCondition(condition: Condition): Condition {
  if (typeof condition !== "object" || condition === null)
    throw invalid("a condition must be an object");
  if ("is_empty" in condition || "has_id" in condition) return condition;
  if (!("key" in condition)) return toQdrantFilter(condition) as Filter;
  if (!("match" in condition)) return condition;
  const { key, match } = condition;
  if ("value" in match) return isNative(match.value) ? condition : equals(key, match.value);
  if ("any" in match) return any(key, match.any);
  if ("except" in match && !(match.except.every(isText) || match.except.every(Number.isInteger))) {
    throw invalid("`except` takes strings or integers, not both");
  }
  return condition;
}

function any(key: string, wanted: readonly (string | number)[]): Condition {
  const texts = wanted.filter(isText);
  const integers = wanted.filter((value) => Number.isInteger(value));
  if (texts.length === wanted.length || integers.length === wanted.length) {
    return { key, match: { any: wanted } };
  }
  const others = wanted.filter((value) => !isNative(value));
  return {
    should: [
      ...(texts.length === 0 ? [] : [{ key, match: { any: texts } }]),
      ...(integers.length === 0 ? [] : [{ key, match: { any: integers } }]),
      ...others.map((value) => equals(key, value)),
    ],
  };
}

function equals(key: string, value: Matched): Condition {
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw invalid("`match` takes strings, booleans and finite numbers");
  }
  return { key, range: { gte: value, lte: value } };
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isNative(value: Matched): boolean {
  return typeof value !== "number" || Number.isInteger(value);
}

function invalid(why: string): VectorStoreError {
  return new VectorStoreError(`The filter cannot be used: ${why}.`, { code: "invalid" });
}
