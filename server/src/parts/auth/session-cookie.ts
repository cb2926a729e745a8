const name = "weir_session";

/** The token in a request's `Cookie` header. */
export function readSessionCookie(header: string | string[] | undefined): string | undefined {
  const text = Array.isArray(header) ? header.join("; ") : (header ?? "");
  for (const pair of text.split(";")) {
    const [key = "", value = ""] = pair.trim().split("=", 2);
    if (key === name) return value;
  }
  return undefined;
}

/** `Set-Cookie` that scripts cannot read and other sites cannot make the browser send. */
export function sessionCookie(
  token: string,
  { expiresAt, secure }: { readonly expiresAt: Date; readonly secure: boolean },
): string {
  return attributes(token, `Expires=${expiresAt.toUTCString()}`, secure);
}

export function endedSessionCookie({ secure }: { readonly secure: boolean }): string {
  return attributes("", "Max-Age=0", secure);
}

function attributes(value: string, lifetime: string, secure: boolean): string {
  return `${name}=${value}; Path=/; HttpOnly; SameSite=Strict; ${lifetime}${secure ? "; Secure" : ""}`;
}
