import { createHash, createHmac, pbkdf2 as pbkdf2Callback, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import type { Queryable } from "../../core/ports/database.ts";

const pbkdf2 = promisify(pbkdf2Callback);
const iterations = 4_096;

/** Sets the passwords of Weir's roles on a server that requires them (the embedded one does not). */
export async function setRolePasswords(
  owner: Queryable,
  passwords: { readonly weir_app?: string; readonly weir_ingest?: string },
): Promise<void> {
  for (const [role, password] of Object.entries(passwords)) {
    const verifier = await scramVerifier(role, password);
    await owner.query({ text: `alter role ${role} password '${verifier}'` });
  }
}

/**
 * What PostgreSQL stores of a password (RFC 5802). Only this is sent, so that the password appears in
 * no statement and no server log. Base64, so it needs no quoting.
 * @throws Error for a password that is empty or not printable ASCII, which clients normalise differently
 */
export async function scramVerifier(role: string, password: string): Promise<string> {
  if (!/^[ -~]+$/.test(password)) {
    throw new Error(`The password of ${role} must consist of printable ASCII characters.`);
  }
  const salt = randomBytes(16);
  const salted = await pbkdf2(password, salt, iterations, 32, "sha256");
  const key = (name: string): Buffer => createHmac("sha256", salted).update(name).digest();
  const stored = createHash("sha256").update(key("Client Key")).digest("base64");
  const server = key("Server Key").toString("base64");
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${stored}:${server}`;
}
