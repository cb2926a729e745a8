import type { Signer } from "../security/cookies.ts";

/** The address in its one form, or undefined. Deliberately simple: whether it exists, only a message shows. */
export function readEmail(text: string | null): string | undefined {
  const email = (text ?? "").trim().toLowerCase();
  return email.length <= 254 &&
    /^[^\s@<>"(),:;\\\p{Cc}]+@[^\s@<>"(),:;\\\p{Cc}]+\.[a-z0-9-]{2,}$/u.test(email)
    ? email
    : undefined;
}

/**
 * The id of the user of an address. A keyed hash: the same for every sign-in without a table of users, and events
 * do not contain the address.
 */
export function userIdOf(signer: Signer, email: string): string {
  return `shopper-${signer.mac("user id", email).slice(0, 22)}`;
}
