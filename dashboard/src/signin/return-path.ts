/**
 * Where to go after signing in. Only a path of this site: `//host`, `/\host` and addresses with a
 * scheme would send a person, freshly signed in, to somebody else's page.
 */
export function returnPath(asked: string | null, origin: string): string {
  if (asked === null || !asked.startsWith("/")) return "/";
  try {
    const url = new URL(asked, origin);
    if (url.origin !== origin || url.pathname.startsWith("/signin")) return "/";
    return `${url.pathname}${url.search}${url.hash}`;
  } catch {
    return "/";
  }
}

/** The sign-in page's address that comes back to `path`. */
export function signInPath(path: string): string {
  return path === "/" || path.startsWith("/signin")
    ? "/signin/"
    : `/signin/?next=${encodeURIComponent(path)}`;
}

/**
 * The token of a one-time link. It stands after the `#`, which browsers keep to themselves, so that
 * it is in no log on the way; a link with `?token=` is understood too.
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
