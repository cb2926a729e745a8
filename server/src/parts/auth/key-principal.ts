import type { Principal } from "../../core/access/principal.ts";
import type { KeyEntry } from "./snapshot.ts";

export interface Standing {
  /** The key as the directory knows it now; undefined when it is gone or its session has ended. */
  current(): KeyEntry | undefined;
  /** Whether the key is not revoked, expired or disabled, and the directory's knowledge is fresh. */
  mayBeUsed(key: KeyEntry): boolean;
}

/**
 * A principal that is asked again and again, also hours later by an open socket, and answers by the
 * directory of that moment.
 */
export class KeyPrincipal implements Principal {
  readonly via: Principal["via"];
  readonly #standing: Standing;
  #entry: KeyEntry;

  constructor(entry: KeyEntry, via: Principal["via"], standing: Standing) {
    this.#entry = entry;
    this.via = via;
    this.#standing = standing;
  }

  get serviceId(): number {
    return this.#entry.service.id;
  }

  get service(): string {
    return this.#entry.service.name;
  }

  get role(): string {
    return (this.key() ?? this.#entry).service.role;
  }

  get keyId(): string {
    return this.#entry.id;
  }

  may(permission: string): boolean {
    const key = this.key();
    return (
      key !== undefined && this.#standing.mayBeUsed(key) && key.service.policy.decide(permission)
    );
  }

  /** The key now; undefined too when another secret stands under its id (a restored backup). */
  key(): KeyEntry | undefined {
    const current = this.#standing.current();
    if (current === undefined || current === this.#entry) return current;
    if (!current.secretHash.equals(this.#entry.secretHash)) return undefined;
    this.#entry = current;
    return current;
  }
}
