/** Who sends a request, by its headers. */
import type { Principal } from "../../core/access/principal.ts";
import { WeirError } from "../../core/errors.ts";
import type { Authenticator } from "./authenticator.ts";
import { readCredentials } from "./credentials.ts";
import type { IncomingRequest } from "./incoming-request.ts";

export const anonymous: Principal = {
  serviceId: 0,
  service: "",
  role: "",
  keyId: "",
  via: "key",
  may: () => false,
};

/**
 * The principal of a request, who has the permission; undefined without credentials.
 * @throws WeirError 401, 403, 503
 */
export function authenticate(
  request: IncomingRequest,
  { permission, lastKnown }: { readonly permission: string; readonly lastKnown: boolean },
  authenticator: Authenticator,
): Principal | undefined | Promise<Principal | undefined> {
  const { key, sessionToken } = readCredentials(request.headers);
  if (key !== undefined) {
    const found = lastKnown
      ? authenticator.authenticate(key, { lastKnown })
      : authenticator.authenticate(key);
    return found instanceof Promise
      ? found.then((principal) => demand(principal, permission))
      : demand(found, permission);
  }
  if (sessionToken === undefined) return undefined;
  return authenticateSession(request, permission, authenticator.session(sessionToken));
}

async function authenticateSession(
  request: IncomingRequest,
  permission: string,
  found: ReturnType<Authenticator["session"]>,
): Promise<Principal | undefined> {
  const session = await found;
  if (session === undefined) return undefined;
  const safe = request.method === "GET" || request.method === "HEAD";
  if (!safe && request.headers["x-csrf-token"] !== session.csrfToken) {
    throw new WeirError("csrf", {
      detail: "send the session's csrf_token (from GET /api/session) in the header X-CSRF-Token",
    });
  }
  return demand(session.principal, permission);
}

/**
 * As far as it is known who sends a request that anyone may send. A probe is answered also while keys cannot
 * be checked, and an operator sees the details. @throws WeirError 401 for a key that is wrong
 */
export async function recognise(
  { headers }: IncomingRequest,
  authenticator: Authenticator,
): Promise<Principal> {
  const { key, sessionToken } = readCredentials(headers);
  try {
    if (key !== undefined) return await authenticator.authenticate(key, { lastKnown: true });
    const session = sessionToken === undefined ? undefined : authenticator.session(sessionToken);
    return (await session)?.principal ?? anonymous;
  } catch (error) {
    if (error instanceof WeirError && error.code === "unavailable") return anonymous;
    throw error;
  }
}

export function demand(principal: Principal, permission: string): Principal {
  if (principal.may(permission)) return principal;
  throw new WeirError("forbidden", {
    permission,
    detail: `service "${principal.service}" (role "${principal.role}") lacks ${permission}; see "weir permissions explain ${principal.service} ${permission}"`,
  });
}

export function noCredentials(): WeirError {
  return new WeirError("unauthenticated", {
    detail: "send an API key in X-API-Key or as a Bearer token, or sign in",
  });
}
