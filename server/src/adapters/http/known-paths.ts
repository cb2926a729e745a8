/**
 * Which methods a path has, asked only once the router has found nothing: for 405 with `Allow`, for
 * OPTIONS, and for the route that a caller with a 404 most likely meant.
 */
import { edits } from "../../core/nearest-name.ts";

export interface KnownPaths {
  /** `pattern` as the router writes it: `/api/users/:id/events`, `/docs/static/*`. */
  add(method: string, pattern: string): void;
  /**
   * The methods of a path, sorted, OPTIONS included; empty for an unknown path. `path` is still
   * percent-encoded, and validly so: `%2F` in a parameter does not end its segment.
   */
  methodsAt(path: string): readonly string[];
  /** Like "POST /api/events/": the route of the API nearest to a mistyped path, if any is near. */
  nearest(method: string, path: string): string | undefined;
}

interface Pattern {
  readonly text: string;
  readonly segments: readonly string[];
  readonly methods: Set<string>;
}

/** Longer paths are no typing mistakes, and comparing them would let callers burn our CPU. */
const longestTypo = 80;

export function createKnownPaths(): KnownPaths {
  const patterns = new Map<string, Pattern>();
  return {
    add(method, text) {
      const pattern = patterns.get(text) ?? {
        text,
        segments: segmentsOf(text),
        methods: new Set(),
      };
      pattern.methods.add(method);
      patterns.set(text, pattern);
    },
    methodsAt(path) {
      const segments = segmentsOf(path).map(decodeURIComponent);
      const methods = new Set<string>();
      const fitting = [...patterns.values()].filter((one) => matches(one.segments, segments));
      // a path without parameters is a resource of its own, see concrete-paths.ts
      const concrete = fitting.filter(({ text }) => !/[:*]/.test(text));
      for (const pattern of concrete.length > 0 ? concrete : fitting) {
        for (const method of pattern.methods) methods.add(method);
      }
      if (methods.size > 0) methods.add("OPTIONS");
      return [...methods].sort();
    },
    nearest(method, path) {
      if (path.length > longestTypo) return undefined;
      const segments = segmentsOf(path).map(decodeURIComponent);
      const most = Math.max(2, Math.floor(path.length / 5));
      let best: { readonly text: string; readonly cost: number } | undefined;
      for (const { text, segments: known, methods } of patterns.values()) {
        if (text.endsWith("*")) continue;
        const cost = Math.min(
          distance(segments, known, most),
          // the base path left out: /events for /api/events/
          1 + distance(["api", ...segments], known, most),
        );
        if (cost > most) continue;
        // at equal distance the route with the caller's own method is the better guess
        const other = methods.has(method) ? 0 : 0.5;
        if (best !== undefined && best.cost <= cost + other) continue;
        const shown = methods.has(method) ? method : [...methods].find((one) => one !== "HEAD");
        const address = text.replace(/:(\w+)/g, "{$1}");
        best = { text: `${shown ?? "GET"} ${address}`, cost: cost + other };
      }
      return best?.text;
    },
  };
}

/** The router ignores a trailing slash, and so does this. */
function segmentsOf(path: string): readonly string[] {
  const trimmed = path.endsWith("/") ? path.slice(1, -1) : path.slice(1);
  return trimmed.split("/");
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  const isOpen = pattern.at(-1) === "*";
  if (isOpen ? segments.length < pattern.length : segments.length !== pattern.length) return false;
  return pattern.every(
    (known, n) =>
      known === "*" || known === segments[n] || (known.startsWith(":") && segments[n] !== ""),
  );
}

/** Edits over all segments; a parameter fits any text. More than `most` is reported as infinite. */
function distance(given: readonly string[], known: readonly string[], most: number): number {
  if (given.length !== known.length) return Number.POSITIVE_INFINITY;
  let sum = 0;
  for (const [n, segment] of given.entries()) {
    const other = known[n] ?? "";
    if (other.startsWith(":")) continue;
    // the difference of the lengths is the least that the edits can be
    if (sum + Math.abs(segment.length - other.length) > most) return Number.POSITIVE_INFINITY;
    sum += segment === other ? 0 : edits(segment, other);
  }
  return sum > most ? Number.POSITIVE_INFINITY : sum;
}
