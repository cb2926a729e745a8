import { createHmac, timingSafeEqual } from "node:crypto";

/** Browsers keep no cookie longer than 400 days. */
const yearSeconds = 365 * 24 * 60 * 60;

export interface CookieOptions {
  /** Absent: until the browser is closed. */
  readonly maxAgeSeconds?: number;
  readonly secure: boolean;
}

export const longLived = yearSeconds;

/** The cookies of a `Cookie` header; the first of each name counts. */
export function readCookies(header: string | undefined): ReadonlyMap<string, string> {
  const cookies = new Map<string, string>();
  for (const part of (header ?? "").split(";")) {
    const at = part.indexOf("=");
    const name = part.slice(0, at).trim();
    if (name !== "" && at > 0 && !cookies.has(name)) cookies.set(name, part.slice(at + 1).trim());
  }
  return cookies;
}

/** `Set-Cookie`: no script reads it, and other sites' forms are sent without it. */
export function writeCookie(name: string, value: string, options: CookieOptions): string {
  const { maxAgeSeconds, secure } = options;
  return [
    `${name}=${value}`,
    "Path=/",
    "HttpOnly",
    "SameSite=Lax",
    ...(maxAgeSeconds === undefined ? [] : [`Max-Age=${maxAgeSeconds}`]),
    ...(secure ? ["Secure"] : []),
  ].join("; ");
}

/**
 * Signs and checks what a cookie or form holds. The purpose is part of what is signed, so that a value of one
 * cookie is never valid as another.
 */
export class Signer {
  readonly #key: string;

  /** @param key at least 32 characters */
  constructor(key: string) {
    this.#key = key;
  }

  /** A MAC of 256 bits in base64url. */
  mac(purpose: string, text: string): string {
    return createHmac("sha256", this.#key).update(`${purpose}\n${text}`).digest("base64url");
  }

  /** JSON with its signature; may be used as the value of a cookie. */
  seal(purpose: string, data: unknown): string {
    const text = Buffer.from(JSON.stringify(data)).toString("base64url");
    return `${text}.${this.mac(purpose, text)}`;
  }

  /** What `seal` signed for this purpose, or undefined. */
  open(purpose: string, sealed: string | undefined): unknown {
    const [text, mac, ...rest] = (sealed ?? "").split(".");
    if (text === undefined || mac === undefined || rest.length > 0) return undefined;
    if (!sameText(mac, this.mac(purpose, text))) return undefined;
    return JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
  }
}

/** Compares in constant time. */
export function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
