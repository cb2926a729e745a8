import type { Principal } from "../../core/access/principal.ts";
import type { KeyEntry } from "./snapshot.ts";

export interface Standing {
  /** The current state of the key in the directory; undefined if it is gone or its session has ended. */
  current(): KeyEntry | undefined;
  /** Whether the key is not revoked, expired or disabled, and the directory is not stale. */
  mayBeUsed(key: KeyEntry): boolean;
}

/**
 * A principal whose answers always reflect the current directory, even hours later for an open socket.
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

  /** The current key; also undefined if its id now has another secret (a restored backup). */
  key(): KeyEntry | undefined {
    const current = this.#standing.current();
    if (current === undefined || current === this.#entry) return current;
    if (!current.secretHash.equals(this.#entry.secretHash)) return undefined;
    this.#entry = current;
    return current;
  }
}
