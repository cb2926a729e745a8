/**
 * Whether one policy allows everything that another allows, future routes included. This bounds
 * administration: no caller changes a principal that has permissions which the caller lacks. Pure.
 */
import { isPattern, methods, type Policy } from "./permission.ts";

interface Rules {
  /** Split into their segments. */
  readonly granted: readonly (readonly string[])[];
  readonly revoked: readonly (readonly string[])[];
}

interface Pair {
  readonly wanted: Rules;
  readonly holder: Rules;
}

const segments = 3;
const methodSegment = 1;

/**
 * A permission that `wanted` allows and `holder` does not, or undefined when `holder` includes
 * `wanted`. Exact: it names `*` for all values that neither policy names, e.g. `events.get.*`.
 */
export function missingPermission(holder: Policy, wanted: Policy): string | undefined {
  return search({ wanted: rulesOf(wanted), holder: rulesOf(holder) }, []);
}

/** A policy that allows these patterns and nothing else. */
export function policyOf(patterns: readonly string[]): Policy {
  return { role: patterns, extra: [], revoked: [] };
}

function rulesOf({ role, extra, revoked }: Policy): Rules {
  const split = (patterns: readonly string[]) =>
    patterns.filter(isPattern).map((pattern) => pattern.split("."));
  return { granted: split([...role, ...extra]), revoked: split(revoked) };
}

/** `chosen`: the segments decided so far; all rules of the pair match them. */
function search(pair: Pair, chosen: readonly string[]): string | undefined {
  const { wanted, holder } = pair;
  const index = chosen.length;
  const isOpen = (pattern: readonly string[]) =>
    pattern.slice(index).every((segment) => segment === "*");
  if (wanted.granted.length === 0 || wanted.revoked.some(isOpen)) return undefined;
  if (holder.revoked.length === 0 && holder.granted.some(isOpen)) return undefined;
  if (index === segments) return chosen.join(".");

  const at = (segment: string) => search(narrowed(pair, index, segment), [...chosen, segment]);
  // Values that no rule names behave alike: the rules with a * are all that matches them.
  const unnamed = wanted.granted.some((pattern) => pattern[index] === "*") ? at("*") : undefined;
  if (unnamed !== undefined) return index === methodSegment ? missingMethod(unnamed, at) : unnamed;
  for (const segment of namedIn(pair, index)) {
    const missing = at(segment);
    if (missing !== undefined) return missing;
  }
  return undefined;
}

/** Methods are a closed list: a policy that names all of them leaves none that `*` could stand for. */
function missingMethod(
  unnamed: string,
  at: (method: string) => string | undefined,
): string | undefined {
  const missing = methods.map(at);
  const isForAll = missing.every((one) => one?.replace(/\.[a-z]+\./, ".*.") === unnamed);
  return isForAll ? unnamed : missing.find((one) => one !== undefined);
}

/** The other rules only add to the holder or take from what is wanted, so they need no case of their own. */
function namedIn({ wanted, holder }: Pair, index: number): Set<string> {
  const named = new Set<string>();
  for (const pattern of [...wanted.granted, ...holder.revoked]) {
    const segment = pattern[index];
    if (segment !== undefined && segment !== "*") named.add(segment);
  }
  return named;
}

function narrowed({ wanted, holder }: Pair, index: number, segment: string): Pair {
  const fits = (pattern: readonly string[]) => pattern[index] === "*" || pattern[index] === segment;
  const of = ({ granted, revoked }: Rules) => ({
    granted: granted.filter(fits),
    revoked: revoked.filter(fits),
  });
  return { wanted: of(wanted), holder: of(holder) };
}
