import type { RandomBytes } from "../../../core/access/api-key.ts";
import { permissionOf } from "../../../core/access/permission-name.ts";
import type { RateLimiter } from "../../../core/access/rate-limit.ts";
import type { Database } from "../../../core/ports/database.ts";
import type { Route, RouteReply, RouteRequest } from "../../../core/ports/route.ts";
import type { Administration } from "../administration.ts";
import type { Directory } from "../directory.ts";
import type { RolePolicy } from "../policies.ts";

export interface AuthDeps {
  readonly database: Database;
  readonly directory: Directory;
  /** See `keyEnvironment`. */
  readonly env: string;
  readonly random: RandomBytes;
  /** Permission names of all mounted routes; called per request, so they may be set later. */
  readonly knownPermissions: () => readonly string[];
  /** The policy files of roles, for `reset`. */
  readonly policies: readonly RolePolicy[];
  /** Mark the session cookie `Secure`: set it behind TLS. */
  readonly secureCookies: boolean;
  /** For sign-ins only, per client address: a limiter drops its buckets by the policy it is called with. */
  readonly rateLimiter: RateLimiter;
  /** The latest that it can be, in milliseconds since 1970; as the directory's. */
  readonly now: () => number;
  /** Monotonic milliseconds, for the limit of sign-ins. */
  readonly monotonic: () => number;
}

/** A route that changes who may do what, bounded by what the caller has; see `bounds.ts`. */
export function changeRoute(
  deps: AuthDeps,
  route: Omit<Route, "access" | "handle">,
  handle: (administration: Administration, request: RouteRequest) => Promise<RouteReply>,
): Route {
  const permission = permissionOf(route);
  return {
    ...route,
    access: "permission",
    handle(request) {
      const { service, keyId } = request.principal;
      const actor = { kind: "key", name: `${service}/${keyId}`, keyId, permission } as const;
      const { database, env, random, knownPermissions } = deps;
      return handle({ database, env, random, knownPermissions, actor }, request);
    },
  };
}

/**
 * Answers a change once the directory of this process has it, so that it applies to the client's next
 * request. If the refresh fails, the change is kept and the next poll picks it up.
 */
export async function answered(deps: AuthDeps, status: number, body: unknown): Promise<RouteReply> {
  await deps.directory.refresh().catch(() => {});
  return { status, body };
}
