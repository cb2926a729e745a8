import type { Principal } from "../../core/access/principal.ts";

/** What the HTTP adapter needs to authenticate callers; the auth part provides it. */
export interface Authenticator {
  /** @throws WeirError `key_malformed`, `unauthenticated`, `key_expired`, `key_revoked`, `unavailable` */
  authenticate(key: string): Principal | Promise<Principal>;
  /** undefined if the session is unknown or has ended. */
  session(
    token: string,
  ): Promise<{ readonly principal: Principal; readonly csrfToken: string } | undefined>;
}
