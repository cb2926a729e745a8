import type { LiveFilter } from "@weir/protocol";
import type { LiveEvent } from "../../core/ports/live-log.ts";
import type { QueryEntry } from "../../core/query-string.ts";
import { textFlaw } from "../../core/text-flaw.ts";

const mostValues = 50;
const longestValue = 256;
const lists = ["event_type", "source"] as const;
const singles = ["user_id", "product_id"] as const;
const names: readonly string[] = [...lists, ...singles];

/** A value, or what is wrong with the client's input. */
export type Read<T> = { readonly value: T } | { readonly problem: string };

/** `event_type` and `source` may be repeated; an unknown parameter is an error. */
export function filterOfQuery(
  query: readonly QueryEntry[],
  others: readonly string[],
): Read<LiveFilter> {
  const given = new Map<string, string[]>();
  for (const { name, value } of query) {
    if (others.includes(name)) continue;
    given.set(name, [...(given.get(name) ?? []), value]);
  }
  const members = [...given].map(([name, values]) => {
    const isSingle = (singles as readonly string[]).includes(name) && values.length === 1;
    return [name, isSingle ? values[0] : values] as const;
  });
  // fromEntries gives every name its own member, also `__proto__`, which filterOf then refuses
  return filterOf(Object.fromEntries(members));
}

/** Validates a `LiveFilter`. */
export function filterOf(given: unknown): Read<LiveFilter> {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    return { problem: "the filter must be an object" };
  }
  for (const [name, value] of Object.entries(given)) {
    if (!names.includes(name)) {
      return { problem: `"${name.slice(0, 50)}" is not a filter; filters are ${names.join(", ")}` };
    }
    const isList = (lists as readonly string[]).includes(name);
    const values: unknown[] = isList ? (Array.isArray(value) ? value : [undefined]) : [value];
    const sound = values.every((one) => typeof one === "string" && one.length <= longestValue);
    if (!sound || values.length > mostValues) {
      const wanted = isList ? `a list of at most ${mostValues} strings` : "one string";
      return { problem: `${name} must be ${wanted} of at most ${longestValue} characters` };
    }
    const flaw = values.map((one) => textFlaw(String(one))).find((found) => found !== undefined);
    if (flaw !== undefined) return { problem: `${name} ${flaw}` };
  }
  return { value: given as LiveFilter };
}

export type Matches = (event: LiveEvent) => boolean;

/** A filter as a function, and the key under which sockets with an equal filter share frames. */
export function compileFilter(filter: LiveFilter): {
  readonly key: string;
  readonly matches: Matches;
} {
  const types = filter.event_type === undefined ? undefined : new Set(filter.event_type);
  const sources = filter.source === undefined ? undefined : new Set(filter.source);
  const { user_id: user, product_id: product } = filter;
  const key = JSON.stringify([
    types && [...types].sort(),
    sources && [...sources].sort(),
    user,
    product,
  ]);
  return {
    key,
    matches: (event) =>
      (types === undefined || types.has(event.eventType)) &&
      (sources === undefined || sources.has(event.source)) &&
      (user === undefined || event.userKey === user) &&
      (product === undefined || event.productKey === product),
  };
}
