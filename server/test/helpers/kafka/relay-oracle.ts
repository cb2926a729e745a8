/**
 * Writes events into the raw log and knows what the topic must hold afterwards: every event at least once, the events of
 * one user in their order, and an event twice only when the relay had not recorded it before the second copy.
 */
import { randomUUID } from "node:crypto";
import type { Queryable } from "../../../src/core/ports/database.ts";
import { parsePosition, sees } from "../../../src/core/position.ts";
import { pause } from "../../../src/timing/pause.ts";
import type { ReadMessage } from "./connect.ts";

export interface Findings {
  readonly events: number;
  /** Written and not in the topic. */
  readonly lost: readonly string[];
  /** In the topic and never written. */
  readonly phantoms: number;
  /** First copies out of the order of their user. */
  readonly disordered: readonly string[];
  readonly duplicates: number;
  /** Copies of events that the relay had recorded as acknowledged before. */
  readonly needless: number;
  /** Messages that are not byte for byte the event. */
  readonly altered: number;
}

interface Checkpoint {
  readonly position: string;
  readonly ends: ReadonlyMap<number, bigint>;
}

export class RelayOracle {
  readonly #database: Queryable;
  /** By id: its user, its number among all events, and the payload. */
  readonly #written = new Map<string, { user: string; number: number; payload: string }>();
  readonly #checkpoints: Checkpoint[] = [];
  readonly #users: number;

  constructor(database: Queryable, users = 20) {
    this.#database = database;
    this.#users = users;
  }

  get count(): number {
    return this.#written.size;
  }

  /** One transaction; resolves when it is committed. */
  async write(count: number): Promise<void> {
    const rows = Array.from({ length: count }, (_, index) => {
      const number = this.#written.size + index;
      const user = `user ${number % this.#users}`;
      // white space and a number that no double holds: only the bytes themselves pass
      return {
        id: randomUUID(),
        user,
        number,
        payload: `{ "n":${number},"big": 12345678901234567890.10 }`,
      };
    });
    await this.#database.query({
      text: `insert into raw.events (service_id, format, event_id, occurred_at, event_type, user_key, payload)
             select 1, 0, e.id, now(), 'product.view', e.user_key, e.payload
             from unnest($1::uuid[], $2::text[], $3::text[]) with ordinality e (id, user_key, payload, n) order by e.n`,
      values: [
        rows.map((row) => row.id),
        rows.map((row) => row.user),
        rows.map((row) => row.payload),
      ],
    });
    for (const { id, ...row } of rows) this.#written.set(id, row);
    await this.#database.query({ text: "select pg_notify('weir_raw', '')" });
  }

  /** Small transactions until aborted. */
  async writeUntil(signal: AbortSignal, everyMs = 10): Promise<void> {
    while (!signal.aborted) {
      await this.write(1 + (this.#written.size % 40));
      await pause(everyMs, signal);
    }
  }

  /** What was acknowledged by now must not be sent again from now on. `readEnds` is called after the position. */
  async checkpoint(readEnds: () => Promise<ReadonlyMap<number, bigint>>): Promise<void> {
    const position = await this.position();
    if (position !== undefined) this.#checkpoints.push({ position, ends: await readEnds() });
  }

  async position(): Promise<string | undefined> {
    const [row] = await this.#database.query<{ position: string }>({
      text: "select position::text from log.readers where name = 'relay'",
    });
    return row?.position;
  }

  /** Whether the relay has recorded everything that was written. */
  async isRelayed(): Promise<boolean> {
    const [row] = await this.#database.query<{ unread: boolean }>({
      text: `select exists (select from log.readers r cross join lateral
               log.unread(r.position, pg_current_snapshot(), '-infinity', null) u where r.name = 'relay') as unread
             from log.readers where name = 'relay'`,
    });
    return row?.unread === false;
  }

  judge(messages: readonly ReadMessage[]): Findings {
    const seen = new Set<string>();
    const last = new Map<string, number>();
    const disordered: string[] = [];
    let [phantoms, duplicates, needless, altered] = [0, 0, 0, 0];
    const checkpoints = this.#checkpoints.map(({ position, ends }) => ({
      ends,
      position: parsePosition(position),
    }));
    for (const { partition, offset, key, value, headers } of messages) {
      const { id, xid } = JSON.parse(value.toString()) as { id: string; xid: string };
      const event = this.#written.get(id);
      if (event === undefined) {
        phantoms++;
        continue;
      }
      const isWhole = value.toString().endsWith(`,"event":${event.payload}}`);
      if (!isWhole || key !== event.user || headers["weir-event-type"] !== "product.view")
        altered++;
      if (seen.has(id)) {
        duplicates++;
        const wasRecorded = checkpoints.some(
          ({ position, ends }) =>
            position !== undefined &&
            sees(position, BigInt(xid)) &&
            BigInt(offset) >= (ends.get(partition) ?? 0n),
        );
        if (wasRecorded) needless++;
        continue;
      }
      seen.add(id);
      if (event.number < (last.get(event.user) ?? -1)) disordered.push(id);
      last.set(event.user, event.number);
    }
    const lost = [...this.#written.keys()].filter((id) => !seen.has(id));
    return {
      events: this.#written.size,
      ...{ lost, phantoms, disordered, duplicates, needless, altered },
    };
  }
}
