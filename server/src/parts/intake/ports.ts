/** The interfaces that intake needs. */
import type { EventResult } from "@weir/protocol";
import type { Principal } from "../../core/access/principal.ts";
import type { Checked, Receipt } from "../../core/event/record.ts";

/** The accept path of every entry point; see parts/ingest/acceptor.ts. */
export interface Acceptor {
  readonly mostAtOnce: number;
  receipt(serviceId: number, newId: () => string): Receipt;
  admit(keyId: string, events: number): Promise<number>;
  accept(checked: readonly Checked[]): Promise<readonly EventResult[]>;
}

/** Services and their keys, current within a second. */
export interface Senders {
  /** @throws WeirError `key_malformed`, `unauthenticated`, `key_expired`, `key_revoked`, `unavailable` */
  authenticate(key: string): Principal;
  /** A service by its name, without a key. @throws WeirError `unauthenticated`, `key_revoked`, `unavailable` */
  service(name: string): Principal;
}

/** Which services the principals of a broker stand for. */
export interface PrincipalMapping {
  /** Header in which a trusted proxy or interceptor of the broker names the producer's principal; null: none does. */
  readonly header: string | null;
  /** Names of services by principal. */
  readonly services: Readonly<Record<string, string>>;
}

/** Why a message is not an event that can be stored. */
export interface Refusal {
  readonly kind: "refusal";
  /** Code of the error table, and the dead letter's reason. */
  readonly code: string;
  readonly detail: string;
}

/** What intake reports. It must not throw. */
export interface IntakeObserver {
  /** A message got a verdict; one that is tried again gets another. */
  message(verdict: EventResult["verdict"]): void;
  deadLetter(reason: string): void;
  /** Messages of users who were erased and are blocked: nothing of them is kept. */
  erased(count: number): void;
  /** A partition waits: for a rate limit, or because nothing can be stored. */
  waits(cause: "rate_limited" | "retry", code: string): void;
  /** Messages could be stored again. */
  continues(): void;
  /** A copy could not be written to the topic of dead letters; the dead letter itself is kept. */
  copyFailed(error: unknown): void;
  failure(error: unknown): void;
}
