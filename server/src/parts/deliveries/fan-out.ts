/**
 * Turns events of the raw log into deliveries: what a reader has not read yet, in one transaction with its position. An
 * event is matched with the subscriptions as they are when the transaction commits.
 */
import type { Database, Queryable } from "../../core/ports/database.ts";
import type { NextRange } from "../../core/ports/log.ts";
import type { OpenReader } from "./ports.ts";
import { type ReadEvent, readEvent } from "./read-event.ts";
import type { Subscription } from "./subscription.ts";

/** Another process delivers, or a subscription was changed meanwhile: begin again. */
export class Outdated extends Error {
  override readonly name = "Outdated";
}

export interface Target {
  readonly subscription: Subscription;
  readonly replayId: string | null;
  /** Besides what the subscription says. */
  accepts(event: ReadEvent): boolean;
}

export interface FanOutPage {
  readonly reader: string;
  readonly targets: readonly Target[];
  /** Of the lease and of the subscriptions. */
  readonly epoch: string;
  readonly revision: string;
  readonly maxEvents: number;
  /** Moves the position although there are no events. */
  readonly always: boolean;
  readonly signal: AbortSignal;
  /** In the same transaction, after the position was moved. */
  readonly finish?: (connection: Queryable, done: FannedOut) => Promise<void>;
}

export interface FannedOut {
  readonly range: NextRange;
  /** By subscription, how many deliveries were added. */
  readonly added: ReadonlyMap<string, number>;
  /** RFC 3339, of the events of the page; undefined when it has none. */
  readonly firstReceivedAt: string | undefined;
}

/** Of one insert. */
const insertBytes = 1_048_576;
const timeoutMs = 60_000;

interface NewDelivery {
  readonly target: Target;
  readonly event: ReadEvent;
  readonly body: string;
  readonly orderKey: string | null;
  readonly bytes: number;
}

export async function fanOut(
  { database, openReader }: { readonly database: Database; readonly openReader: OpenReader },
  page: FanOutPage,
): Promise<FannedOut> {
  const log = openReader(page.reader);
  return database.transaction(
    async (connection) => {
      // from before events are read until they are deliveries: an erasure waits for it (erasure/places.ts)
      await connection.query({
        name: "deliveries_fan_out",
        text: "select pg_advisory_xact_lock_shared(hashtext('deliveries.fan_out'))",
      });
      const range = await log.next(page.maxEvents);
      const added = new Map<string, number>();
      let firstReceivedAt: string | undefined;
      if (range.events === 0 && !page.always) return { range, added, firstReceivedAt };
      if (range.events > 0 && page.targets.length > 0) {
        for await (const logged of log.readLogged(range, { signal: page.signal })) {
          const events = logged.map(readEvent);
          for (const { logged: event } of events) {
            if (firstReceivedAt === undefined || event.receivedAt < firstReceivedAt) {
              firstReceivedAt = event.receivedAt;
            }
          }
          await addDeliveries(connection, deliveriesOf(events, page.targets), added);
        }
      }
      await demandCurrent(connection, page);
      if (!(await log.advance(connection, range))) throw new Outdated("the position was moved");
      const done = { range, added, firstReceivedAt };
      await page.finish?.(connection, done);
      return done;
    },
    { timeoutMs },
  );
}

function* deliveriesOf(
  events: readonly ReadEvent[],
  targets: readonly Target[],
): Generator<NewDelivery> {
  for (const event of events) {
    for (const target of targets) {
      if (!target.accepts(event)) continue;
      const match = target.subscription.match(event);
      if (match === undefined) continue;
      yield { target, event, ...match, bytes: Buffer.byteLength(match.body) };
    }
  }
}

async function addDeliveries(
  connection: Queryable,
  deliveries: Iterable<NewDelivery>,
  added: Map<string, number>,
): Promise<void> {
  let chunk: NewDelivery[] = [];
  let bytes = 0;
  for (const delivery of deliveries) {
    const { id } = delivery.target.subscription;
    added.set(id, (added.get(id) ?? 0) + 1);
    chunk.push(delivery);
    bytes += delivery.bytes;
    if (bytes < insertBytes) continue;
    await insert(connection, chunk);
    chunk = [];
    bytes = 0;
  }
  if (chunk.length > 0) await insert(connection, chunk);
}

async function insert(connection: Queryable, chunk: readonly NewDelivery[]): Promise<void> {
  await connection.query({
    name: "deliveries_insert",
    // in the order of the log: ids order the deliveries of a key
    text: `insert into deliveries.deliveries
             (subscription_id, service_id, event_id, event_type, user_key, order_key, body, bytes, replay_id)
           select s, service, e, type, u, k, b, n, replay
           from unnest($1::uuid[], $2::int[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::int[], $9::uuid[])
             with ordinality as r (s, service, e, type, u, k, b, n, replay, place) order by place`,
    values: [
      chunk.map(({ target }) => target.subscription.id),
      chunk.map(({ event }) => event.logged.serviceId),
      chunk.map(({ event }) => event.logged.eventId),
      chunk.map(({ event }) => event.logged.eventType),
      chunk.map(({ event }) => event.logged.userKey),
      chunk.map(({ orderKey }) => orderKey),
      chunk.map(({ body }) => body),
      chunk.map(({ bytes }) => bytes),
      chunk.map(({ target }) => target.replayId),
    ],
  });
}

/** Held until the commit: a change of a subscription waits for it, and counts for the events after it. */
async function demandCurrent(
  connection: Queryable,
  { epoch, revision }: Pick<FanOutPage, "epoch" | "revision">,
): Promise<void> {
  const [state] = await connection.query({
    name: "deliveries_current",
    text: "select from deliveries.state where epoch = $1 and revision = $2 for share",
    values: [epoch, revision],
  });
  if (state === undefined) throw new Outdated("the subscriptions were changed");
}
