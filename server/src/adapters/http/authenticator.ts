import type { Principal } from "../../core/access/principal.ts";

/** What the HTTP shell needs to know who asks; `auth/` provides it. */
export interface Authenticator {
  /** @throws WeirError `key_malformed`, `unauthenticated`, `key_expired`, `key_revoked`, `unavailable` */
  authenticate(key: string): Principal | Promise<Principal>;
  /** undefined when the session is unknown or has ended. */
  session(
    token: string,
  ): Promise<{ readonly principal: Principal; readonly csrfToken: string } | undefined>;
}
