/**
 * A path without parameters is a resource of its own: /api/events/batch is not the event with the id
 * "batch", although the router would try /api/events/:id for methods that the path does not have.
 */
import type { Route } from "../../core/ports/route.ts";

export interface ShadowedRoute {
  readonly method: Route["method"];
  readonly path: string;
  /** The methods that the path has. */
  readonly allowed: readonly string[];
}

/** Methods that a concrete path would get from a route with parameters. */
export function shadowedRoutes(routes: readonly Route[]): ShadowedRoute[] {
  const concrete = new Set(routes.map(({ path }) => path).filter((path) => !path.includes(":")));
  return [...concrete].flatMap((path) => {
    const own = new Set(routes.filter((route) => route.path === path).map(({ method }) => method));
    const others = routes.filter((route) => route.path.includes(":") && matches(route.path, path));
    const shadowed = new Set(others.map(({ method }) => method).filter((one) => !own.has(one)));
    return [...shadowed].map((method) => ({ method, path, allowed: allowedOf(own) }));
  });
}

function matches(pattern: string, path: string): boolean {
  const segments = path.split("/");
  const known = pattern.split("/");
  return (
    known.length === segments.length &&
    known.every((segment, n) =>
      segment.startsWith(":") ? segments[n] !== "" : segment === segments[n],
    )
  );
}

function allowedOf(methods: ReadonlySet<string>): string[] {
  return [...methods, ...(methods.has("GET") ? ["HEAD"] : []), "OPTIONS"].sort();
}
