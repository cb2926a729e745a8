/** Checks the URL of a receiver when it is entered. Each connection to it is checked again. */
import { isIP } from "node:net";
import { type AddressPolicy, hostOf, RefusedAddressError } from "./address-policy.ts";
import { isUnknownName, type Resolve } from "./resolver.ts";

/**
 * Accepts a name that cannot be looked up at the moment: a name server that is down must not stop a change.
 * @throws RefusedAddressError when the URL, or an address that its host has, is not allowed, and when no such host exists
 */
export async function checkReceiver(
  text: string,
  { policy, resolve }: { readonly policy: AddressPolicy; readonly resolve: Resolve },
): Promise<void> {
  const url = policy.readUrl(text);
  const host = hostOf(url);
  // the policy has read an address already
  if (isIP(host) !== 0) return;
  let addresses: readonly string[];
  try {
    addresses = await resolve(host);
  } catch (error) {
    if (!isUnknownName(error)) return;
    throw new RefusedAddressError(`there is no host ${host}: check the name`);
  }
  policy.check(url, addresses);
}
