/**
 * The behaviour of the client as a table: every state x signal has a cell, and the compiler refuses a
 * missing one. It is independent of time, network and queues, so it can be read and tested completely.
 * README.md shows the same table; a test keeps them equal.
 */
export const states = [
  /** Nothing is queued. */
  "idle",
  /** Events wait until the batch is full or its time has passed. */
  "collecting",
  /** A request is running. There is never more than one, so events keep their order. */
  "sending",
  /** The last request failed temporarily; the back-off timer runs. */
  "waiting",
  /** The platform reports that there is no network. */
  "offline",
  /** The server refused the key or the address is wrong. Events are held until `setKey` or `close`. */
  "refused",
  /** Closed for good. */
  "closed",
] as const;
export type State = (typeof states)[number];

export const signals = [
  /** An event was queued and the batch is not full. */
  "enqueued",
  /** An event was queued and the batch is full. */
  "full",
  /** The timer of `collecting` or `waiting` fired. */
  "due",
  /** `flush()` was called. */
  "flush",
  /** The request was answered and the queue is empty. */
  "settled_empty",
  /** The request was answered; the rest does not fill a batch. */
  "settled_some",
  /** The request was answered, and a batch is full, or a flush waits for the rest. */
  "settled_ready",
  /** The request failed temporarily, or single events were answered `retry`. */
  "failed",
  /** 401, 403, or an address that is not Weir's. */
  "rejected_key",
  /** `setKey()` was called. */
  "key_changed",
  /** The platform lost its network. */
  "went_offline",
  /** The platform has a network again. */
  "went_online",
  /** `close()` has flushed what it could. */
  "close",
] as const;
export type Signal = (typeof signals)[number];

export const effects = [
  "none",
  /** Start the batch timer. */
  "arm",
  /** Stop the timer. */
  "disarm",
  /** Send the first batch of the queue. */
  "send",
  /** Start the back-off timer: jitter, never sooner than Retry-After. */
  "back_off",
  /** Stop the timer, report the refusal, fail waiting flushes. */
  "halt",
  /** Stop the timer, abort the request, report the remaining events. */
  "finish",
] as const;
export type Effect = (typeof effects)[number];

export type Step = readonly [next: State, effect: Effect];

export const table: Readonly<Record<State, Readonly<Record<Signal, Step>>>> = {
  idle: {
    enqueued: ["collecting", "arm"],
    full: ["sending", "send"],
    due: ["idle", "none"],
    flush: ["idle", "none"],
    settled_empty: ["idle", "none"],
    settled_some: ["collecting", "arm"],
    settled_ready: ["sending", "send"],
    failed: ["idle", "none"],
    rejected_key: ["refused", "halt"],
    key_changed: ["idle", "none"],
    went_offline: ["offline", "none"],
    went_online: ["idle", "none"],
    close: ["closed", "finish"],
  },
  collecting: {
    enqueued: ["collecting", "none"],
    full: ["sending", "send"],
    due: ["sending", "send"],
    flush: ["sending", "send"],
    settled_empty: ["idle", "disarm"],
    settled_some: ["collecting", "none"],
    settled_ready: ["sending", "send"],
    failed: ["collecting", "none"],
    rejected_key: ["refused", "halt"],
    key_changed: ["collecting", "none"],
    went_offline: ["offline", "disarm"],
    went_online: ["collecting", "none"],
    close: ["closed", "finish"],
  },
  sending: {
    enqueued: ["sending", "none"],
    full: ["sending", "none"],
    due: ["sending", "none"],
    flush: ["sending", "none"],
    settled_empty: ["idle", "none"],
    settled_some: ["collecting", "arm"],
    settled_ready: ["sending", "send"],
    failed: ["waiting", "back_off"],
    rejected_key: ["refused", "halt"],
    key_changed: ["sending", "none"],
    // the request itself decides: platforms are sometimes wrong about the network
    went_offline: ["sending", "none"],
    went_online: ["sending", "none"],
    close: ["closed", "finish"],
  },
  waiting: {
    enqueued: ["waiting", "none"],
    full: ["waiting", "none"],
    due: ["sending", "send"],
    // a flush does not override Retry-After: it waits up to its own time limit
    flush: ["waiting", "none"],
    settled_empty: ["idle", "disarm"],
    settled_some: ["waiting", "none"],
    settled_ready: ["waiting", "none"],
    failed: ["waiting", "none"],
    rejected_key: ["refused", "halt"],
    key_changed: ["waiting", "none"],
    went_offline: ["offline", "disarm"],
    went_online: ["waiting", "none"],
    close: ["closed", "finish"],
  },
  offline: {
    enqueued: ["offline", "none"],
    full: ["offline", "none"],
    due: ["offline", "none"],
    flush: ["sending", "send"],
    settled_empty: ["offline", "none"],
    settled_some: ["offline", "none"],
    settled_ready: ["offline", "none"],
    failed: ["offline", "none"],
    rejected_key: ["refused", "halt"],
    key_changed: ["offline", "none"],
    went_offline: ["offline", "none"],
    went_online: ["sending", "send"],
    close: ["closed", "finish"],
  },
  refused: {
    enqueued: ["refused", "none"],
    full: ["refused", "none"],
    due: ["refused", "none"],
    flush: ["refused", "none"],
    settled_empty: ["refused", "none"],
    settled_some: ["refused", "none"],
    settled_ready: ["refused", "none"],
    failed: ["refused", "none"],
    rejected_key: ["refused", "none"],
    key_changed: ["sending", "send"],
    went_offline: ["refused", "none"],
    went_online: ["refused", "none"],
    close: ["closed", "finish"],
  },
  closed: {
    enqueued: ["closed", "none"],
    full: ["closed", "none"],
    due: ["closed", "none"],
    flush: ["closed", "none"],
    settled_empty: ["closed", "none"],
    settled_some: ["closed", "none"],
    settled_ready: ["closed", "none"],
    failed: ["closed", "none"],
    rejected_key: ["closed", "none"],
    key_changed: ["closed", "none"],
    went_offline: ["closed", "none"],
    went_online: ["closed", "none"],
    close: ["closed", "none"],
  },
};

/** The table as Markdown: one row per signal, one column per state; `·` means that nothing happens. */
export function describeTable(): string {
  const rows = signals.map((signal) => [
    `\`${signal}\``,
    ...states.map((state) => {
      const [next, effect] = table[state][signal];
      if (next === state && effect === "none") return "·";
      return effect === "none" ? next : `${next}, *${effect}*`;
    }),
  ]);
  const head = ["", ...states.map((state) => `**${state}**`)];
  return [head, head.map(() => "---"), ...rows]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
}
