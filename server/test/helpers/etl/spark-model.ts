/**
 * What stands between the raw log and engine.fold_batch when Spark folds the windows, without Kafka and Spark: a topic with
 * partitions that the relay fills, at least once, and a job that reads them in batches and can die anywhere.
 */
import { randomUUID } from "node:crypto";
import type { Queryable } from "../../../src/core/ports/database.ts";

/** A message of the topic, as text: what a row of engine.staged holds. */
export interface Message {
  readonly xid: string;
  readonly event_id: string;
  readonly service_id: number;
  readonly occurred_at: string;
  readonly event_type: string;
  readonly user_key: string | null;
  readonly product_key: string | null;
  readonly amount: string | null;
  readonly currency: string | null;
  readonly items: string | null;
}

export interface Folded {
  readonly staged: number;
  readonly folded: number;
  readonly known: number;
  readonly gone: number;
}

export class Topic {
  readonly partitions: Message[][];
  #position = "1:1:";

  constructor(partitions: number) {
    this.partitions = Array.from({ length: partitions }, () => []);
  }

  /** Appends what became visible since the last call, or since a position of the past. */
  async relay(database: Queryable, from = this.#position): Promise<void> {
    const rows = await database.query<Message & { seen: string }>({
      text: `select xid::text, event_id, service_id, occurred_at::text, event_type, user_key, product_key,
               amount::text, currency, items::text, pg_current_snapshot()::text as seen
             from log.unread($1::pg_snapshot, pg_current_snapshot(), '-infinity', null) order by xid, event_id`,
      values: [from],
    });
    for (const { seen, ...message } of rows) {
      this.#position = seen;
      const key = message.user_key ?? message.event_id;
      this.partitions[hash(key) % this.partitions.length]?.push(message);
    }
  }

  get position(): string {
    return this.#position;
  }
}

export class SparkJob {
  readonly #topic: Topic;
  readonly #offsets: number[];
  readonly #database: Queryable;
  #epoch = "0";
  #batch = 0;

  constructor(database: Queryable, topic: Topic) {
    this.#database = database;
    this.#topic = topic;
    this.#offsets = topic.partitions.map(() => 0);
  }

  async begin(): Promise<void> {
    const [run] = await this.#database.query<{ epoch: string }>({
      text: "select engine.begin_run(engine.contract(), 'model', 'model') as epoch",
    });
    this.#epoch = run?.epoch ?? "0";
  }

  get isAtEnd(): boolean {
    return this.#offsets.every((offset, n) => offset === this.#topic.partitions[n]?.length);
  }

  /** At most `sizes[n]` messages of partition n are read again. */
  rewind(sizes: readonly number[]): void {
    for (const [n, size] of sizes.entries()) {
      this.#offsets[n] = Math.max(0, (this.#offsets[n] ?? 0) - size);
    }
  }

  /** Stages the next messages of each partition; the batch is over only when `fold` has returned. */
  async stage(sizes: readonly number[]): Promise<StagedBatch> {
    const parts = [];
    const ends: number[] = [];
    for (const [n, messages] of this.#topic.partitions.entries()) {
      const from = this.#offsets[n] ?? 0;
      const part = messages.slice(from, from + (sizes[n] ?? 0));
      ends.push(from + part.length);
      if (part.length > 0) {
        parts.push({ token: await stage(this.#database, part), events: part.length });
      }
    }
    return { parts, ends };
  }

  async fold({ parts, ends }: StagedBatch): Promise<Folded> {
    const folded = await foldBatch(this.#database, {
      epoch: this.#epoch,
      batch: this.#batch,
      parts,
    });
    this.#batch += 1;
    for (const [n, end] of ends.entries()) this.#offsets[n] = end;
    return folded;
  }
}

export interface StagedBatch {
  readonly parts: readonly { readonly token: string; readonly events: number }[];
  readonly ends: readonly number[];
}

/** What one task does; returns its token. */
async function stage(database: Queryable, messages: readonly Message[]): Promise<string> {
  const token = randomUUID();
  await database.query({
    text: `insert into engine.staged (token, xid, event_id, service_id, occurred_at, event_type, user_key, product_key,
             amount, currency, items)
           select $1, m.xid, m.event_id, m.service_id, m.occurred_at, m.event_type, m.user_key, m.product_key,
             m.amount, m.currency, m.items::json
           from json_to_recordset($2) as m (xid xid8, event_id uuid, service_id int, occurred_at timestamptz,
             event_type text, user_key text, product_key text, amount numeric, currency text, items text)`,
    values: [token, JSON.stringify(messages)],
  });
  return token;
}

async function foldBatch(
  database: Queryable,
  {
    epoch,
    batch,
    parts,
  }: { readonly epoch: string; readonly batch: number; readonly parts: StagedBatch["parts"] },
): Promise<Folded> {
  const [row] = await database.query<Folded>({
    text: `select staged, folded, known, gone from engine.fold_batch($1, 'model', $2, $3::uuid[], $4::int[])`,
    values: [epoch, batch, parts.map(({ token }) => token), parts.map(({ events }) => events)],
  });
  if (row === undefined) throw new Error("engine.fold_batch returned no row");
  return row;
}

function hash(text: string): number {
  let value = 0;
  for (const character of text) value = (value * 31 + character.charCodeAt(0)) >>> 0;
  return value;
}
