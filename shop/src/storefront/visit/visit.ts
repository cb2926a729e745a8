import type { Texts } from "../language/english.ts";
import { type Formats, formats } from "../language/format.ts";
import { isLanguage, type Language, preferredLanguage, texts } from "../language/language.ts";
import { longLived, readCookies, type Signer, writeCookie } from "../security/cookies.ts";
import { csrfToken } from "../security/csrf.ts";
import type { ShopEvent } from "./events.ts";

export interface User {
  readonly id: string;
  readonly email: string;
}

/** What the next page says and sends, after a form was answered with a redirect. */
export interface Flash {
  readonly notice?: Notice;
  readonly events?: readonly ShopEvent[];
}

export type Notice =
  | { readonly text: "added"; readonly name: string }
  | {
      readonly text:
        | "cartUpdated"
        | "orderThanks"
        | "signedIn"
        | "signedOut"
        | "paymentDeclined"
        | "paymentTimedOut"
        | "checkoutChanged";
    }
  | { readonly text: "outOfStock"; readonly name: string };

/** What is known about the sender of a request, from signed cookies. */
export interface Visit {
  readonly language: Language;
  readonly texts: Texts;
  readonly formats: Formats;
  /** Of the browser: Weir's `anonymous_id`. */
  readonly visitorId: string;
  /** Ends after half an hour without a page. */
  readonly sessionId: string;
  readonly user: User | undefined;
  readonly cart: { readonly id: string; readonly count: number } | undefined;
  /** Ids of products, the last seen first. */
  readonly seen: readonly string[];
  readonly flash: Flash | undefined;
  /** The address that last asked for a sign-in link here. */
  readonly inbox: string | undefined;
  readonly csrf: string;
  /** Path and query of this page. */
  readonly path: string;
}

/** What an answer changes of the visit; null forgets. */
export interface Remember {
  readonly language?: Language;
  readonly user?: User | null;
  readonly cart?: { readonly id: string; readonly count: number };
  readonly seen?: readonly string[];
  readonly flash?: Flash | null;
  readonly inbox?: string | null;
}

const sessionSeconds = 30 * 60;
const signedInSeconds = 30 * 24 * 60 * 60;
const flashSeconds = 60;
const inboxSeconds = 24 * 60 * 60;
const seenProducts = 8;
/** Browsers drop larger cookies in silence. */
const flashBytes = 3_500;

export interface VisitContext {
  readonly signer: Signer;
  readonly secure: boolean;
  readonly newId: () => string;
  readonly now: () => number;
}

interface Headers {
  readonly cookie?: string | undefined;
  readonly "accept-language"?: string | undefined;
}

/** Reads the visit of a request. A cookie that is not ours counts as absent. */
export function readVisit(
  { signer, newId, now }: VisitContext,
  headers: Headers,
  path: string,
): Visit {
  const cookies = readCookies(headers.cookie);
  const open = <T>(name: string) => signer.open(name, cookies.get(`shop_${name}`)) as T | undefined;
  const chosen = cookies.get("shop_language");
  const language = isLanguage(chosen) ? chosen : preferredLanguage(headers["accept-language"]);
  const user = open<User & { readonly until: number }>("user");
  const signedIn = user !== undefined && user.until > now() ? user : undefined;
  const visitorId = open<string>("visitor") ?? newId();
  return {
    language,
    texts: texts[language],
    formats: formats[language],
    visitorId,
    sessionId: open<string>("session") ?? newId(),
    user: signedIn && { id: signedIn.id, email: signedIn.email },
    cart: open("cart"),
    seen: open("seen") ?? [],
    flash: open("flash"),
    inbox: open("inbox"),
    csrf: csrfToken(signer, visitorId, signedIn?.id),
    path,
  };
}

/** The `Set-Cookie` headers of an answer. */
export function visitCookies(
  { signer, secure, now }: VisitContext,
  visit: Visit,
  remember: Remember,
): string[] {
  const keep = (name: string, data: unknown, maxAgeSeconds: number) =>
    writeCookie(`shop_${name}`, signer.seal(name, data), { maxAgeSeconds, secure });
  const forget = (name: string) => writeCookie(`shop_${name}`, "", { maxAgeSeconds: 0, secure });
  const { language, user, cart, seen, flash, inbox } = remember;
  const cookies = [
    keep("visitor", visit.visitorId, longLived),
    keep("session", visit.sessionId, sessionSeconds),
  ];
  if (language !== undefined) {
    cookies.push(writeCookie("shop_language", language, { maxAgeSeconds: longLived, secure }));
  }
  if (user === null) cookies.push(forget("user"));
  else if (user !== undefined) {
    const until = now() + signedInSeconds * 1_000;
    cookies.push(keep("user", { ...user, until }, signedInSeconds));
  }
  if (cart !== undefined) cookies.push(keep("cart", cart, longLived));
  if (seen !== undefined) cookies.push(keep("seen", seen.slice(0, seenProducts), longLived));
  if (inbox === null) cookies.push(forget("inbox"));
  else if (inbox !== undefined) cookies.push(keep("inbox", inbox, inboxSeconds));
  if (flash === null) cookies.push(forget("flash"));
  else if (flash !== undefined) {
    const cookie = keep("flash", flash, flashSeconds);
    const { notice } = flash;
    const small = () => keep("flash", notice === undefined ? {} : { notice }, flashSeconds);
    cookies.push(cookie.length <= flashBytes ? cookie : small());
  }
  return cookies;
}
