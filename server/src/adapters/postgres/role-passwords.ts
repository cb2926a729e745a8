import { createHash, createHmac, pbkdf2 as pbkdf2Callback, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import type { Queryable } from "../../core/ports/database.ts";

const pbkdf2 = promisify(pbkdf2Callback);
const iterations = 4_096;

/**
 * Sets the passwords of Weir's roles on a server that requires them (the embedded one does not).
 * Only a SCRAM verifier is sent: the password appears in no statement and no server log.
 */
export async function setRolePasswords(
  owner: Queryable,
  passwords: { readonly weir_app?: string; readonly weir_ingest?: string },
): Promise<void> {
  for (const [role, password] of Object.entries(passwords)) {
    if (!/^[ -~]+$/.test(password)) {
      throw new Error(`The password of ${role} must consist of printable ASCII characters.`);
    }
    const verifier = await scramVerifier(password, randomBytes(16));
    await owner.query({ text: `alter role ${role} password '${verifier}'` });
  }
}

/** RFC 5802, as PostgreSQL stores it. Base64, so it needs no quoting. */
async function scramVerifier(password: string, salt: Buffer): Promise<string> {
  const salted = await pbkdf2(password, salt, iterations, 32, "sha256");
  const key = (name: string): Buffer => createHmac("sha256", salted).update(name).digest();
  const stored = createHash("sha256").update(key("Client Key")).digest("base64");
  const server = key("Server Key").toString("base64");
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${stored}:${server}`;
}
