import type { Principal } from "../../core/access/principal.ts";

/** What the HTTP adapter needs to authenticate callers; the auth part provides it. */
export interface Authenticator {
  /**
   * @param options.lastKnown while keys cannot be checked, what was last known of the key decides
   * @throws WeirError `key_malformed`, `unauthenticated`, `key_expired`, `key_revoked`, `unavailable`
   */
  authenticate(
    key: string,
    options?: { readonly lastKnown: boolean },
  ): Principal | Promise<Principal>;
  /** undefined if the session is unknown or has ended. */
  session(
    token: string,
  ): Promise<{ readonly principal: Principal; readonly csrfToken: string } | undefined>;
}
