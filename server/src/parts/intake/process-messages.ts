/** Gives the messages of a partition to the accept path until each is stored or a dead letter. */
import type { EventResult } from "@weir/protocol";
import type { Principal } from "../../core/access/principal.ts";
import type { Checked } from "../../core/event/record.ts";
import type { HandleMessages, Message } from "../../core/ports/messages.ts";
import { createBackoff, retryWithBackoff } from "../../timing/backoff.ts";
import { pause } from "../../timing/pause.ts";
import type { DeadMessage, DeadMessages } from "./dead-messages.ts";
import { textHeaders } from "./message-headers.ts";
import type { Acceptor, IntakeObserver, Refusal } from "./ports.ts";
import { formatOf, identityOfMessage, permissions, readMessage } from "./read-message.ts";
import { refusedPermission, type SenderOptions, senderOf } from "./sender.ts";
import { userOf } from "./user-of.ts";

export interface ProcessOptions extends SenderOptions {
  readonly acceptor: Acceptor;
  readonly dead: DeadMessages;
  readonly observer: IntakeObserver;
  /** Whether the database is known to be down. */
  readonly isDown: () => boolean;
}

const backoffMs = { firstMs: 100, lastMs: 5_000 } as const;
/**
 * An event that the database refuses to answer for while others are stored is kept as a dead letter after this many
 * attempts (4 minutes), so that it does not block its partition.
 */
const mostAttempts = 50;

interface Pending {
  readonly message: Message;
  /** Counted against the rate limit of its key. */
  admitted: boolean;
  /** Without a result, while the database was not known to be down. */
  attempts: number;
}

interface Ready {
  readonly pending: Pending;
  readonly principal: Principal;
  readonly checked: Checked;
}

export function createProcess(options: ProcessOptions): HandleMessages {
  return async (messages, signal) => {
    let left: readonly Pending[] = messages.map((message) => ({
      message,
      admitted: false,
      attempts: 0,
    }));
    const backoff = createBackoff(backoffMs);
    for (;;) {
      left = await attempt(options, left, signal);
      if (left.length === 0) return;
      await pause(backoff.next(), signal);
      demandTime(signal);
    }
  };
}

/** The messages that must be tried again. */
async function attempt(
  options: ProcessOptions,
  left: readonly Pending[],
  signal: AbortSignal,
): Promise<readonly Pending[]> {
  const round = new Round(options);
  const toAdmit = left.map((pending) => ({ pending, ...round.sort(pending) }));
  await admit(options, toAdmit, signal);
  // keys may have been revoked while the partition waited
  const ready = toAdmit.flatMap(({ pending }) => round.read(pending));
  await round.accept(ready);
  return await round.end(signal);
}

interface Sorted {
  readonly pending: Pending;
  /** Undefined when the message does not count against a limit. */
  readonly keyId: string | undefined;
}

/** Waits until every key may send its messages. */
async function admit(
  { acceptor, observer }: ProcessOptions,
  sorted: readonly Sorted[],
  signal: AbortSignal,
): Promise<void> {
  const byKey = new Map<string, Pending[]>();
  for (const { pending, keyId } of sorted) {
    if (keyId === undefined || pending.admitted) continue;
    const waiting = byKey.get(keyId);
    if (waiting === undefined) byKey.set(keyId, [pending]);
    else waiting.push(pending);
  }
  for (const [keyId, waiting] of byKey) {
    while (waiting.length > 0) {
      const count = Math.min(waiting.length, acceptor.mostAtOnce);
      const waitMs = await acceptor.admit(keyId, count);
      if (waitMs === 0) for (const pending of waiting.splice(0, count)) pending.admitted = true;
      else observer.waits("rate_limited", "rate_limited");
      await pause(waitMs, signal);
      demandTime(signal);
    }
  }
}

/** One attempt at some messages. */
class Round {
  readonly #options: ProcessOptions;
  readonly #again: Pending[] = [];
  readonly #dead: { readonly pending: Pending; readonly letter: DeadMessage }[] = [];

  constructor(options: ProcessOptions) {
    this.#options = options;
  }

  sort({ message }: Pending): { readonly keyId: string | undefined } {
    const sender = senderOf(this.#options, textHeaders(message.headers));
    return { keyId: "kind" in sender ? undefined : sender.keyId };
  }

  /** The event to store, or nothing: then the message is a dead letter or tried again. */
  read(pending: Pending): Ready[] {
    const { message } = pending;
    const headers = textHeaders(message.headers);
    const principal = senderOf(this.#options, headers);
    if ("kind" in principal) {
      if (principal.kind === "unknown") this.#retry(pending, "unavailable");
      else this.#refuse(pending, principal);
      return [];
    }
    const format = formatOf(headers);
    if (typeof format !== "string") return this.#refuse(pending, format, principal);
    const refused = refusedPermission(principal, permissions[format]);
    if (refused !== undefined) return this.#refuse(pending, refused, principal);
    const newId = () => identityOfMessage(message, headers);
    const receipt = this.#options.acceptor.receipt(principal.serviceId, newId);
    const checked = readMessage(message, format, receipt);
    if (checked.kind === "refusal") return this.#refuse(pending, checked, principal);
    return [{ pending, principal, checked }];
  }

  async accept(ready: readonly Ready[]): Promise<void> {
    if (ready.length === 0) return;
    const results = await this.#options.acceptor.accept(ready.map(({ checked }) => checked));
    let stored = 0;
    for (const [n, one] of ready.entries()) {
      const result = results[n] as EventResult;
      if (result.verdict === "accepted" || result.verdict === "duplicate") stored++;
      else this.#settle(one, result);
      this.#options.observer.message(result.verdict);
    }
    if (stored > 0) this.#options.observer.continues();
  }

  /** Keeps the dead letters. @returns the messages to try again. Rejects when the signal aborts */
  async end(signal: AbortSignal): Promise<readonly Pending[]> {
    const { dead, observer } = this.#options;
    if (this.#dead.length === 0) return this.#again;
    let kept: readonly DeadMessage[];
    try {
      kept = await dead.add(this.#dead.map(({ letter }) => letter));
    } catch (error) {
      observer.failure(error);
      return [...this.#again, ...this.#dead.map(({ pending }) => pending)];
    }
    await retryWithBackoff(() => dead.copy(kept), {
      ...backoffMs,
      signal,
      onFailure: (error) => {
        observer.failure(error);
        return !signal.aborted;
      },
    });
    return this.#again;
  }

  #settle({ pending, principal, checked }: Ready, result: EventResult): void {
    const { code = "invalid_event", detail = result.verdict } = result;
    const isRetry = result.verdict === "retry";
    if (isRetry && pending.attempts < mostAttempts) {
      this.#retry(pending, code);
      return;
    }
    const letter = {
      message: pending.message,
      refusal: { kind: "refusal", code: isRetry ? "not_stored" : code, detail } as const,
      service: principal.service,
      userKey: checked.kind === "record" ? checked.userKey : userOf(pending.message.value),
    };
    this.#dead.push({ pending, letter });
  }

  #retry(pending: Pending, code: string): void {
    if (code === "unavailable" && !this.#options.isDown()) pending.attempts++;
    this.#again.push(pending);
    this.#options.observer.waits("retry", code);
  }

  #refuse(pending: Pending, refusal: Refusal, principal?: Principal): [] {
    const { message } = pending;
    const service = principal?.service ?? null;
    this.#options.observer.message("rejected");
    const letter = { message, refusal, service, userKey: userOf(message.value) };
    this.#dead.push({ pending, letter });
    return [];
  }
}

function demandTime(signal: AbortSignal): void {
  if (signal.aborted) throw new Error("the partition was lost before its messages were stored");
}
