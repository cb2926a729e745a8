/** Calls routes like the HTTP server, without the network: parameters validated, bodies encoded. */

import { bodyValidator, queryReader } from "../server/src/adapters/http/parameters.ts";
import type { Principal } from "../server/src/core/access/principal.ts";
import { WeirError } from "../server/src/core/errors.ts";
import type { Route, RouteReply } from "../server/src/core/ports/route.ts";

const principal: Principal = {
  serviceId: 1,
  service: "tester",
  role: "admin",
  keyId: "test",
  via: "key",
  may: () => true,
};

export interface Client {
  get<T>(address: string, signal?: AbortSignal): Promise<T>;
  reply(address: string, signal?: AbortSignal): Promise<RouteReply>;
  post<T>(address: string, body: unknown): Promise<T>;
}

export function clientOf(routes: readonly Route[]): Client {
  const call = async (
    method: string,
    address: string,
    { body, signal }: { body?: unknown; signal?: AbortSignal | undefined },
  ): Promise<RouteReply> => {
    const url = new URL(address, "http://weir.test");
    const { route, params } = routeOf(routes, method, url.pathname);
    const query = queryReader(route.query ?? {}, route.required)(url.search.slice(1));
    if (route.body?.kind === "json") bodyValidator(route.body.schema)(body);
    return route.handle({
      params,
      query,
      headers: {},
      body,
      principal,
      ip: "127.0.0.1",
      requestId: "test",
      signal: signal ?? new AbortController().signal,
    });
  };
  return {
    reply: (address, signal) => call("GET", address, { signal }),
    get: async <T>(address: string, signal?: AbortSignal) => {
      const reply = await call("GET", address, { signal });
      return JSON.parse(JSON.stringify(reply.body)) as T;
    },
    post: async <T>(address: string, body: unknown) =>
      (await call("POST", address, { body })).body as T,
  };
}

/** The complete text of a file answer. */
export async function textOf(reply: RouteReply): Promise<string> {
  if (typeof reply.body === "string") return reply.body;
  let text = "";
  for await (const chunk of reply.body as AsyncIterable<string>) text += chunk;
  return text;
}

/** For `assert.rejects`: an error of the table that names the parameter. */
export function refusal(code: string, about: RegExp): (error: unknown) => boolean {
  return (error) => {
    if (!(error instanceof WeirError)) throw error;
    const { detail = "", errors = [] } = error.options;
    const text = [detail, ...errors.flatMap((each) => [each.pointer, each.detail])].join("\n");
    if (error.code !== code || !about.test(text)) throw error;
    return true;
  };
}

function routeOf(routes: readonly Route[], method: string, path: string) {
  for (const route of routes) {
    const pattern = new RegExp(`^${route.path.replace(/:([a-z_]+)/g, "(?<$1>[^/]+)")}$`);
    const match = route.method === method ? pattern.exec(path) : null;
    if (match === null) continue;
    const params = Object.entries(match.groups ?? {}).map(([name, value]) => [
      name,
      decodeURIComponent(value),
    ]);
    return { route, params: Object.fromEntries(params) as Record<string, string> };
  }
  throw new WeirError("not_found");
}
