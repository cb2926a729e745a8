/**
 * Keys, services and browser sessions in memory. NOTIFY keeps them equal to PostgreSQL; in case a
 * notification is lost, the revision is polled twice a second.
 *
 * While PostgreSQL is down the last state is used for 10 seconds, to bridge a restart. After that all
 * requests are refused (503), because a revocation could no longer reach this process.
 */
import { hashSecret, parseApiKey, secretMatches } from "../../core/access/api-key.ts";
import type { Principal } from "../../core/access/principal.ts";
import { messageOf, WeirError } from "../../core/errors.ts";
import type { Database, Notifications } from "../../core/ports/database.ts";
import type { Part } from "../../core/ports/part.ts";
import { createWake } from "../../timing/wake.ts";
import { KeyPrincipal } from "./key-principal.ts";
import { LastUsed } from "./last-used.ts";
import { longestSessionMs } from "./sessions.ts";
import {
  type KeyEntry,
  obstacle,
  readSnapshot,
  readVersion,
  type ServiceEntry,
  type SessionEntry,
  type Snapshot,
} from "./snapshot.ts";

export interface DirectoryOptions {
  readonly database: Database;
  /** Without it, changes are seen at the next poll. */
  readonly notifications?: Notifications;
  /** Keys of other environments are unknown here: a development key is useless in production. */
  readonly env: string;
  readonly pollMs?: number;
  readonly staleAfterMs?: number;
  /** The latest that it can be, in milliseconds since 1970: a clock that is set back prolongs nothing. */
  readonly now?: () => number;
  /** Monotonic milliseconds, for staleness. */
  readonly monotonic?: () => number;
}

export interface OpenSession {
  readonly principal: Principal;
  readonly csrfToken: string;
  readonly expiresAt: Date;
}

/** Maximum number of cached keys; services have a few each, so this is never reached in practice. */
const rememberedKeys = 10_000;
const revisionTimeoutMs = 2_000;
/** How long an operator's key opens `/metrics` and the details of `/health` while PostgreSQL is down. */
const lastKnownMs = 24 * 60 * 60_000;

export class Directory implements Part {
  readonly name = "directory";
  readonly #options: Required<Omit<DirectoryOptions, "notifications">>;
  readonly #notifications: Notifications | undefined;
  readonly #lastUsed: LastUsed;
  /** By the complete key as presented, which saves a hash per request. Never printed. */
  readonly #verified = new Map<string, KeyPrincipal>();
  readonly #listeners = new Set<() => void>();
  #snapshot: Snapshot | undefined;
  /** In which the snapshot was read: a standby that lacks a revision gives its number to another one. */
  #incarnation: string | undefined;
  #confirmedAt = Number.NEGATIVE_INFINITY;
  #nextExpiry = Number.POSITIVE_INFINITY;
  #wasFresh = false;
  #failure: unknown;
  #refreshing: Promise<void> | undefined;
  #queued: Promise<void> | undefined;

  constructor(options: DirectoryOptions) {
    const { notifications, ...given } = options;
    this.#notifications = notifications;
    this.#options = {
      pollMs: 500,
      staleAfterMs: 10_000,
      now: Date.now,
      monotonic: () => performance.now(),
      ...given,
    };
    this.#lastUsed = new LastUsed(this.#options.database, this.#options.monotonic);
  }

  /** Keeps the directory current until the signal aborts. Never rejects: see `problem()`. */
  async run(signal: AbortSignal): Promise<void> {
    const wake = createWake();
    const unsubscribe = this.#notifications?.subscribe("weir_auth", wake.wake);
    while (!signal.aborted) {
      await this.refresh().catch(() => {});
      this.#announceWhatTimeChanged();
      await this.#lastUsed.write().catch(() => {});
      await wake.wait(this.#options.pollMs, signal);
    }
    unsubscribe?.();
    await this.#lastUsed.write().catch(() => {});
  }

  /**
   * Resolves when everything committed before the call is known here. Rejects with the error of the
   * database if it cannot be read.
   */
  refresh(): Promise<void> {
    if (this.#refreshing === undefined) {
      this.#refreshing = this.#load().finally(() => {
        this.#refreshing = undefined;
      });
      return this.#refreshing;
    }
    // The running refresh may have started before the caller's commit; all later callers share the next.
    this.#queued ??= this.#refreshing
      .catch(() => {})
      .then(() => {
        this.#queued = undefined;
        return this.refresh();
      });
    return this.#queued;
  }

  /**
   * The principal of a key; one Map look-up for a cached key. While the directory is stale, `lastKnown` lets
   * a key pass that was valid when it was last read, for up to a day.
   * @throws WeirError `key_malformed`, `unauthenticated`, `key_expired`, `key_revoked`, `unavailable`
   */
  authenticate(presentedKey: string, { lastKnown } = { lastKnown: false }): Principal {
    if (lastKnown && !this.#isFresh()) return this.#lastKnown(presentedKey);
    const known = this.#verified.get(presentedKey);
    const principal = known ?? this.#verify(presentedKey);
    this.#demandFresh();
    const key = principal.key();
    switch (obstacle(key, this.#options.now())) {
      case undefined:
        this.#lastUsed.add(principal.keyId);
        return principal;
      case "revoked":
        throw new WeirError("key_revoked");
      case "expired":
        throw new WeirError("key_expired");
      case "disabled":
        throw new WeirError("key_revoked", { detail: "the service of this key is disabled" });
      case "unknown":
        this.#verified.delete(presentedKey);
        throw new WeirError("unauthenticated", { detail: "the API key is unknown" });
    }
  }

  /**
   * The principal of a service that something else than a key identifies, such as a broker.
   * @throws WeirError `unauthenticated`, `key_revoked`, `unavailable`
   */
  service(name: string): Principal {
    this.#demandFresh();
    const found = this.#service(name);
    if (found === undefined) {
      throw new WeirError("unauthenticated", { detail: `there is no service "${name}"` });
    }
    if (found.disabled) {
      throw new WeirError("key_revoked", { detail: `the service "${name}" is disabled` });
    }
    const { id, role } = found;
    return {
      ...{ serviceId: id, service: name, role },
      keyId: `service:${id}`,
      via: "broker",
      may: (permission) => {
        const now = this.#service(name);
        const isUsable = now?.id === id && !now.disabled && this.#isFresh();
        return isUsable && now.policy.decide(permission);
      },
    };
  }

  /**
   * The session of a cookie's token; undefined if it is unknown or has ended, or its key is unusable.
   * @throws WeirError `unavailable`
   */
  async session(token: string): Promise<OpenSession | undefined> {
    if (!/^[0-9A-Za-z]{43}$/.test(token)) return undefined;
    this.#demandFresh();
    const id = hashSecret(token).toString("hex");
    // The session may be new, perhaps from another process. Callers share one query, so a flood of
    // invented cookies causes one statement at a time.
    if (this.#openSession(id) === undefined) await this.#refreshOrUnavailable();
    const session = this.#openSession(id);
    const key = session === undefined ? undefined : this.#key(session.keyId);
    if (session === undefined || key === undefined || !this.#mayBeUsed(key)) return undefined;
    const principal = new KeyPrincipal(key, "session", {
      current: () => (this.#openSession(id) === undefined ? undefined : this.#key(key.id)),
      mayBeUsed: (current) => this.#mayBeUsed(current),
    });
    this.#lastUsed.add(key.id);
    return { principal, csrfToken: session.csrfToken, expiresAt: new Date(session.expiresAt) };
  }

  /**
   * Calls `listener` after each change that may remove a permission: a changed directory, an expired
   * key, a stale state. It must not throw; it should check the principals that it holds again.
   */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  problem(): string | undefined {
    if (this.#isFresh()) return undefined;
    if (this.#snapshot === undefined) return "keys and permissions have not been read yet";
    return `keys and permissions could not be read for more than ${this.#options.staleAfterMs / 1_000} s${this.#failure === undefined ? "" : `: ${messageOf(this.#failure)}`}`;
  }

  async #load(): Promise<void> {
    const { database, monotonic } = this.#options;
    try {
      const asked = monotonic();
      const { revision, incarnation } = await readVersion(database, revisionTimeoutMs);
      if (revision !== this.#snapshot?.revision || incarnation !== this.#incarnation) {
        this.#take(
          await database.transaction((connection) => readSnapshot(connection), {
            isolation: "repeatable read",
            readOnly: true,
            timeoutMs: 5_000,
          }),
        );
        this.#incarnation = incarnation;
      }
      this.#confirmedAt = asked;
      this.#failure = undefined;
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  #take(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    this.#nextExpiry = soonestAfter(this.#options.now(), snapshot);
    this.#announce();
  }

  #announce(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /** Changes without a new revision: an expired key or session, a stale state. */
  #announceWhatTimeChanged(): void {
    const fresh = this.#isFresh();
    const now = this.#options.now();
    const expired = now >= this.#nextExpiry;
    if (expired && this.#snapshot !== undefined) {
      this.#nextExpiry = soonestAfter(now, this.#snapshot);
    }
    if (expired || fresh !== this.#wasFresh) this.#announce();
    this.#wasFresh = fresh;
  }

  #verify(presentedKey: string): KeyPrincipal {
    const { env, id, secret } = parseApiKey(presentedKey);
    this.#demandFresh();
    const key = this.#key(id);
    // The comparison runs for unknown ids too, so that its duration reveals nothing about them.
    const right = secretMatches(secret, key?.secretHash ?? noHash);
    if (key === undefined || !right || env !== key.env) {
      throw new WeirError("unauthenticated", { detail: "the API key is unknown" });
    }
    const principal = new KeyPrincipal(key, "key", {
      current: () => this.#key(id),
      mayBeUsed: (current) => this.#mayBeUsed(current),
    });
    if (this.#verified.size >= rememberedKeys) {
      const [oldest = ""] = this.#verified.keys();
      this.#verified.delete(oldest);
    }
    this.#verified.set(presentedKey, principal);
    return principal;
  }

  /** Not cached: its permissions must not outlive the outage. */
  #lastKnown(presentedKey: string): Principal {
    if (this.#options.monotonic() - this.#confirmedAt > lastKnownMs) this.#demandFresh();
    const { env, id, secret } = parseApiKey(presentedKey);
    const key = this.#key(id);
    const right = secretMatches(secret, key?.secretHash ?? noHash);
    const isUsable = (entry: KeyEntry) => obstacle(entry, this.#options.now()) === undefined;
    if (key === undefined || !right || env !== key.env || !isUsable(key)) {
      throw new WeirError("unauthenticated", {
        detail: "the API key was not valid when keys could last be checked",
      });
    }
    return new KeyPrincipal(key, "key", { current: () => this.#key(id), mayBeUsed: isUsable });
  }

  #service(name: string): ServiceEntry | undefined {
    return this.#snapshot?.servicesByName.get(name);
  }

  #key(id: string): KeyEntry | undefined {
    const key = this.#snapshot?.keys.get(id);
    return key?.env === this.#options.env ? key : undefined;
  }

  #mayBeUsed(key: KeyEntry): boolean {
    return obstacle(key, this.#options.now()) === undefined && this.#isFresh();
  }

  #openSession(id: string): SessionEntry | undefined {
    const session = this.#snapshot?.sessions.get(id);
    const left = (session?.expiresAt ?? 0) - this.#options.now();
    return left > 0 && left <= longestSessionMs ? session : undefined;
  }

  async #refreshOrUnavailable(): Promise<void> {
    try {
      await this.refresh();
    } catch (cause) {
      throw new WeirError("unavailable", {
        detail: "the session cannot be checked at the moment; try again",
        retryAfterSeconds: 1,
        cause,
      });
    }
  }

  #isFresh(): boolean {
    return this.#options.monotonic() - this.#confirmedAt <= this.#options.staleAfterMs;
  }

  #demandFresh(): void {
    if (this.#isFresh()) return;
    throw new WeirError("unavailable", {
      detail: "keys and permissions cannot be checked at the moment; try again",
      retryAfterSeconds: 1,
      cause: this.#failure,
    });
  }
}

const noHash = new Uint8Array(32);

function soonestAfter(now: number, { keys, sessions }: Snapshot): number {
  let soonest = Number.POSITIVE_INFINITY;
  for (const { expiresAt } of [...keys.values(), ...sessions.values()]) {
    if (expiresAt > now && expiresAt < soonest) soonest = expiresAt;
  }
  return soonest;
}
