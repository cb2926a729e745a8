/**
 * Where to go after signing in. Only a path of this site: `//host`, `/\host` and addresses with a
 * scheme would send a user who has just signed in to another site.
 */
export function returnPath(requested: string | null, origin: string): string {
  if (requested === null || !requested.startsWith("/")) return "/";
  try {
    const url = new URL(requested, origin);
    if (url.origin !== origin || url.pathname.startsWith("/signin")) return "/";
    return `${url.pathname}${url.search}${url.hash}`;
  } catch {
    return "/";
  }
}

/** The address of the sign-in page that returns to `path`. */
export function signInPath(path: string): string {
  return path === "/" || path.startsWith("/signin")
    ? "/signin/"
    : `/signin/?next=${encodeURIComponent(path)}`;
}

/**
 * The token of a one-time link. Browsers do not send what follows the `#`, so the token is in no
 * access log. A link with `?token=` works too.
 */
export function linkToken(address: {
  readonly hash: string;
  readonly search: string;
}): string | null {
  const token =
    new URLSearchParams(address.hash.replace(/^#/, "")).get("token") ??
    new URLSearchParams(address.search).get("token");
  return token === null || token === "" ? null : token;
}
