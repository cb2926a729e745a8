import { type Signer, sameText } from "./cookies.ts";

/** The name of the form field. */
export const csrfField = "form_token";

/** The token of a visitor's forms. It changes at sign-in, so that a token seen before is of no use later. */
export function csrfToken(signer: Signer, visitorId: string, userId: string | undefined): string {
  return signer.mac("form", `${visitorId}\n${userId ?? ""}`);
}

export interface PostedForm {
  readonly token: string | null;
  readonly expected: string;
  readonly origin: string | undefined;
  readonly fetchSite: string | undefined;
  readonly host: string | undefined;
}

/**
 * Whether a page of this site sent the form: it has the visitor's token, and a browser that says where a form
 * comes from names this site. `Origin` is `null` after a redirect and in pages without referrer, where
 * `Sec-Fetch-Site` and the token decide.
 */
export function isOwnForm({ token, expected, origin, fetchSite, host }: PostedForm): boolean {
  if (token === null || !sameText(token, expected)) return false;
  if (fetchSite !== undefined && fetchSite !== "same-origin" && fetchSite !== "none") return false;
  if (origin === undefined || origin === "null") return true;
  return URL.parse(origin)?.host === host;
}
