import type { IncomingHttpHeaders } from "node:http";

/** The credentials of a request; at most one is used, the key first. */
export interface Credentials {
  readonly key: string | undefined;
  readonly sessionToken: string | undefined;
}

const sessionCookie = "weir_session";

/**
 * Reads `X-API-Key`, `Authorization: Bearer <key>`, HTTP Basic with the key as user name (as Segment's
 * older clients do, with an empty password), then the session cookie.
 */
export function readCredentials(headers: IncomingHttpHeaders): Credentials {
  const direct = headers["x-api-key"];
  if (typeof direct === "string" && direct !== "") return { key: direct, sessionToken: undefined };
  const authorization = headers.authorization;
  if (authorization !== undefined) {
    const key = keyOfAuthorization(authorization);
    if (key !== undefined) return { key, sessionToken: undefined };
  }
  return { key: undefined, sessionToken: readCookie(headers.cookie, sessionCookie) };
}

function keyOfAuthorization(value: string): string | undefined {
  const space = value.indexOf(" ");
  if (space < 0) return undefined;
  const scheme = value.slice(0, space).toLowerCase();
  const rest = value.slice(space + 1).trim();
  if (scheme === "bearer") return rest === "" ? undefined : rest;
  if (scheme !== "basic") return undefined;
  const user = Buffer.from(rest, "base64").toString("latin1").split(":", 1)[0];
  return user === "" ? undefined : user;
}

/** The value of a cookie; Weir's cookies are plain tokens, so nothing is decoded. */
function readCookie(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined;
  for (const pair of header.split(";")) {
    const equals = pair.indexOf("=");
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
  }
  return undefined;
}
