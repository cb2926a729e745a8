import { createHash, randomBytes } from "node:crypto";

export interface LinkTarget {
  readonly email: string;
  /** A path of this site. */
  readonly returnTo: string;
}

interface LinksOptions {
  readonly now: () => number;
  readonly minutes: number;
  /** Open links that are kept; the oldest is dropped first. */
  readonly capacity: number;
}

/**
 * Open sign-in links, in memory: a restart ends them, and a shopper asks for another. Only hashes of the tokens
 * are kept, so that a memory dump or log signs no one in.
 */
export class SignInLinks {
  readonly minutes: number;
  readonly #options: LinksOptions;
  readonly #links = new Map<string, LinkTarget & { readonly until: number }>();

  constructor(options: LinksOptions) {
    this.#options = options;
    this.minutes = options.minutes;
  }

  /** A new token of 256 bits. */
  create(target: LinkTarget): string {
    const { now, minutes, capacity } = this.#options;
    const token = randomBytes(32).toString("base64url");
    this.#links.set(hashOf(token), { ...target, until: now() + minutes * 60_000 });
    if (this.#links.size > capacity) {
      const [oldest] = this.#links.keys();
      if (oldest !== undefined) this.#links.delete(oldest);
    }
    return token;
  }

  /** Whether `take` would succeed: a program that only opens links, such as a mail scanner, uses none up. */
  isOpen(token: string): boolean {
    const link = this.#links.get(hashOf(token));
    return link !== undefined && link.until > this.#options.now();
  }

  /** Uses the link; undefined when it was used, has expired or never existed. */
  take(token: string): LinkTarget | undefined {
    const hash = hashOf(token);
    const link = this.#links.get(hash);
    this.#links.delete(hash);
    if (link === undefined || link.until <= this.#options.now()) return undefined;
    return { email: link.email, returnTo: link.returnTo };
  }
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("base64url");
}
