import type { Route } from "../ports/route.ts";

/** `<app>.<http_method>.<view_name>` of a route. */
export function permissionOf(route: Pick<Route, "method" | "view">): string {
  const [app, view] = route.view.split(".");
  return `${app}.${route.method.toLowerCase()}.${view}`;
}
