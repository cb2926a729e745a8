import type { RandomBytes } from "../../../core/access/api-key.ts";
import type { RateLimiter } from "../../../core/access/rate-limit.ts";
import type { Database } from "../../../core/ports/database.ts";
import type { RouteReply, RouteRequest } from "../../../core/ports/route.ts";
import type { Administration } from "../administration.ts";
import type { Directory } from "../directory.ts";
import type { RolePolicy } from "../policies.ts";

export interface AuthDeps {
  readonly database: Database;
  readonly directory: Directory;
  /** See `keyEnvironment`. */
  readonly env: string;
  readonly random: RandomBytes;
  /** Permission names of all mounted routes; asked at each request, so it may be filled late. */
  readonly knownPermissions: () => readonly string[];
  /** The role files, for `reset`. */
  readonly policies: readonly RolePolicy[];
  /** Behind TLS: marks the session cookie `Secure`. */
  readonly secureCookies: boolean;
  /** Of sign-ins alone, by the address that tries: a limiter forgets buckets by the policy it is asked with. */
  readonly rateLimiter: RateLimiter;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Changes are made in the name of the key that asked, and bounded by what its service has. */
export function administrationOf(deps: AuthDeps, { principal }: RouteRequest): Administration {
  return {
    database: deps.database,
    env: deps.env,
    random: deps.random,
    knownPermissions: deps.knownPermissions,
    actor: {
      name: `${principal.service}/${principal.keyId}`,
      covers: (pattern) => deps.directory.covers(principal.serviceId, pattern),
    },
  };
}

/**
 * Answers a change after this process' own directory has it, so that the next request of the same
 * client already goes by it. The change stands in any case: a failed refresh is made up by the poll.
 */
export async function answered(deps: AuthDeps, status: number, body: unknown): Promise<RouteReply> {
  await deps.directory.refresh().catch(() => {});
  return { status, body };
}
