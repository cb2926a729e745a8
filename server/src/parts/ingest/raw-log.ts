/** The raw log in PostgreSQL, as role weir_ingest sees it: one function to call. */

import { ArrayColumn, typeIds } from "../../core/array-column.ts";
import type { EventRecord } from "../../core/event/record.ts";
import type { Database } from "../../core/ports/database.ts";
import { pause } from "../../timing/pause.ts";
import type { Appended, RawLog } from "./ports.ts";

const append = {
  name: "raw_append",
  text: "select raw.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) as verdicts",
} as const;

/** The same, cheaper while all events are new and dearer when one is not. */
const appendNew = {
  name: "raw_append_new",
  text: "select raw.append_new($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) as verdicts",
} as const;

/**
 * After a group with a duplicate, this many groups are expected to hold one too: senders that retry do so
 * more than once, and each wrong guess writes the group's identities twice.
 */
const cautiousGroups = 32;

const notify = { name: "raw_notify", text: "select pg_notify('weir_raw', '')" } as const;
const prepareDays = { text: "select raw.prepare_days($1)" } as const;

/** Minimum time between two notifications of readers; more would only cost them. */
const notifySpacingMs = 5;

export interface RawLogOptions {
  /** A pool of role weir_ingest with one connection more than there are groups in flight. */
  readonly database: Database;
  readonly timeoutMs: number;
  /** Called when readers could not be notified; they also poll. */
  readonly onNotifyFailure?: (error: unknown) => void;
}

export function createRawLog(options: RawLogOptions): RawLog {
  const { database, timeoutMs } = options;
  const free: GroupEncoder[] = [];
  const wakeReaders = createNotifier(options);
  let cautious = 0;

  return {
    async append(group) {
      const encoder = free.pop() ?? new GroupEncoder();
      try {
        const order = writingOrder(group);
        const rows = await database.query<{ verdicts: Appended[] | null }>(
          { ...(cautious > 0 ? append : appendNew), values: encoder.encode(group, order) },
          { timeoutMs },
        );
        const verdicts = rows[0]?.verdicts ?? null;
        cautious = verdicts === null ? Math.max(0, cautious - 1) : cautiousGroups;
        wakeReaders();
        return verdicts === null ? null : inOrderGiven(verdicts, order);
      } finally {
        free.push(encoder);
      }
    },
    async prepareDays(ahead) {
      await database.query({ ...prepareDays, values: [ahead] }, { timeoutMs });
    },
  };
}

/**
 * Notifications are sent in bundles after the commit, on a separate connection. Inside the transaction
 * each would hold PostgreSQL's only notification lock until its group is on disk, and the groups in
 * flight would wait for each other.
 */
function createNotifier(options: RawLogOptions): () => void {
  let sending = false;
  let again = false;
  const send = async (): Promise<void> => {
    sending = true;
    do {
      again = false;
      try {
        await options.database.query(notify, { timeoutMs: options.timeoutMs });
      } catch (error) {
        options.onNotifyFailure?.(error);
      }
      await pause(notifySpacingMs);
    } while (again);
    sending = false;
  };
  return () => {
    again = true;
    if (!sending) void send();
  };
}

/** Indices by (event_id, service_id): concurrent groups take their locks in the same order. */
function writingOrder(group: readonly EventRecord[]): readonly number[] {
  const order = Array.from({ length: group.length }, (_, n) => n);
  return order.sort((a, b) => {
    const left = group[a] as EventRecord;
    const right = group[b] as EventRecord;
    if (left.eventId < right.eventId) return -1;
    if (left.eventId > right.eventId) return 1;
    // of an event sent twice, the first stays first
    return left.serviceId - right.serviceId || a - b;
  });
}

function inOrderGiven(verdicts: readonly Appended[], order: readonly number[]): Appended[] {
  const given: Appended[] = new Array(verdicts.length);
  verdicts.forEach((verdict, n) => {
    given[order[n] as number] = verdict;
  });
  return given;
}

/** The columns of one group in flight. */
class GroupEncoder {
  readonly #serviceId = new ArrayColumn(typeIds.int4);
  readonly #format = new ArrayColumn(typeIds.int2);
  readonly #eventId = new ArrayColumn(typeIds.uuid);
  readonly #hash = new ArrayColumn(typeIds.int8);
  readonly #occurredAt = new ArrayColumn(typeIds.timestamptz);
  readonly #userKey = new ArrayColumn(typeIds.text);
  readonly #productKey = new ArrayColumn(typeIds.text);
  readonly #amount = new ArrayColumn(typeIds.numeric);
  readonly #currency = new ArrayColumn(typeIds.text);
  readonly #eventType = new ArrayColumn(typeIds.text);
  readonly #eventRef = new ArrayColumn(typeIds.text);
  readonly #items = new ArrayColumn(typeIds.json);
  readonly #payload = new ArrayColumn(typeIds.text);
  /** In the order of the parameters of raw.append. */
  readonly #columns: readonly ArrayColumn[] = [
    this.#serviceId,
    this.#format,
    this.#eventId,
    this.#hash,
    this.#occurredAt,
    this.#userKey,
    this.#productKey,
    this.#amount,
    this.#currency,
    this.#eventType,
    this.#eventRef,
    this.#items,
    this.#payload,
  ];

  encode(group: readonly EventRecord[], order: readonly number[]): Buffer[] {
    for (const column of this.#columns) column.begin(group.length);
    for (const index of order) {
      const event = group[index] as EventRecord;
      this.#serviceId.int4(event.serviceId);
      this.#format.int2(event.format);
      this.#eventId.uuid(event.eventId);
      this.#hash.int8(event.hashHigh, event.hashLow);
      this.#occurredAt.timestamp(event.occurredAt);
      this.#userKey.text(event.userKey);
      this.#productKey.text(event.productKey);
      this.#amount.numeric(event.amount);
      this.#currency.text(event.currency);
      this.#eventType.text(event.eventType);
      this.#eventRef.text(event.eventRef);
      this.#items.text(event.items);
      this.#payload.bytes(event.body, event.start, event.end);
    }
    return this.#columns.map((column) => column.end());
  }
}
