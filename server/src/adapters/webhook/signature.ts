/** Standard Webhooks 1.0: signatures `v1` (HMAC-SHA256 over id, timestamp and body) of symmetric secrets `whsec_…`. */
import { createHmac } from "node:crypto";

const prefix = "whsec_";

/** Of the header `webhook-signature`: one for each valid secret, newest first, so that a rotation breaks no receiver. */
export function signatures(
  secrets: readonly string[],
  message: { readonly id: string; readonly timestamp: string; readonly body: string },
): string {
  const { id, timestamp, body } = message;
  const signed = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(prefix.length), "base64");
    const hmac = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body);
    return `v1,${hmac.digest("base64")}`;
  });
  return signed.join(" ");
}
