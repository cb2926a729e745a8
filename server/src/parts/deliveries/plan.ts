/** What is read next: the common reader, the readers of subscriptions that are behind, and those of replays. */
import type { Database } from "../../core/ports/database.ts";
import { type FannedOut, type FanOutPage, fanOut, Outdated, type Target } from "./fan-out.ts";
import { commonReader, type OpenReader, ownReader, type ReaderRegister } from "./ports.ts";
import type { ReadEvent } from "./read-event.ts";
import { bumpRevision } from "./revision.ts";
import {
  isSeen,
  type SavedPosition,
  type Subscription,
  type Subscriptions,
  savedPosition,
} from "./subscription.ts";

export interface PlannerOptions {
  readonly database: Database;
  readonly openReader: OpenReader;
  readonly readers: ReaderRegister;
  readonly epoch: string;
  readonly pageEvents: number;
  /** A subscription with more pending deliveries reads on when half of them are done. */
  readonly queueDeliveries: () => number;
  /** Pending deliveries by subscription. */
  readonly pending: Map<string, number>;
  readonly onAdded: (subscriptionId: string, count: number) => void;
}

interface Replay {
  readonly id: string;
  readonly subscriptionId: string;
  readonly reader: string;
  readonly from: number;
  readonly to: number;
  readonly end: SavedPosition | undefined;
}

/** Without events the position still moves, so that the reader's look-back stays short. */
const idleMoveMs = 5_000;
/** No transaction of the accept path lasts longer: later events of the log were received later. */
const longestTransactionMs = 3_600_000;

export class Planner {
  readonly #options: PlannerOptions;
  #movedAt = 0;

  constructor(options: PlannerOptions) {
    this.#options = options;
  }

  /** A page of each reader; true when more events wait. Rejects with `Outdated` when the subscriptions changed. */
  async round(subscriptions: Subscriptions, signal: AbortSignal): Promise<boolean> {
    const active = subscriptions.all.filter(({ state }) => state === "active");
    await this.#setBehind(active);
    let more = await this.#readCommon(subscriptions, active, signal);
    for (const subscription of active) {
      if (subscription.reader === null || !this.#hasRoom(subscription.id)) continue;
      more = (await this.#catchUp(subscriptions, subscription, signal)) || more;
    }
    for (const replay of await this.#readReplays()) {
      const subscription = active.find(({ id }) => id === replay.subscriptionId);
      if (subscription === undefined || !this.#hasRoom(subscription.id)) continue;
      more = (await this.#replay(subscriptions, { subscription, replay }, signal)) || more;
    }
    return more;
  }

  #hasRoom(id: string): boolean {
    return (this.#options.pending.get(id) ?? 0) <= this.#options.queueDeliveries() / 2;
  }

  /** Those whose destinations are too slow read the log by themselves from here on: their queues stay short. */
  async #setBehind(active: readonly Subscription[]): Promise<void> {
    const { database, readers, pending, queueDeliveries } = this.#options;
    const full = active.filter(
      ({ id, reader }) => reader === null && (pending.get(id) ?? 0) > queueDeliveries(),
    );
    if (full.length === 0) return;
    await database.transaction(async (connection) => {
      await bumpRevision(connection);
      for (const { id } of full) {
        const moved = await connection.query({
          text: "update deliveries.subscriptions set reader = $2 where id = $1 and reader is null and state = 'active' returning id",
          values: [id, ownReader(id)],
        });
        if (moved.length > 0) await readers.copy(connection, commonReader, ownReader(id));
      }
    });
    throw new Outdated("subscriptions are behind");
  }

  async #readCommon(
    { revision }: Subscriptions,
    active: readonly Subscription[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const now = performance.now();
    const always = now - this.#movedAt >= idleMoveMs;
    const targets = active.filter(({ reader }) => reader === null).map(liveTarget);
    const { range } = await this.#page({ reader: commonReader, targets, revision, always, signal });
    if (always || range.events > 0) this.#movedAt = now;
    return range.more;
  }

  /** When it has caught up, the common reader reads for it: from where its own has ended. */
  async #catchUp(
    { revision }: Subscriptions,
    subscription: Subscription,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { readers } = this.#options;
    const reader = subscription.reader ?? "";
    const { range } = await this.#page({
      ...{ reader, revision, signal, always: true, targets: [liveTarget(subscription)] },
      async finish(connection, done) {
        if (done.range.more) return;
        await bumpRevision(connection);
        await readers.remove(connection, reader);
        await connection.query({
          text: `update deliveries.subscriptions
                 set reader = null, start_position = $2::pg_snapshot, start_incarnation = $3 where id = $1`,
          values: [subscription.id, done.range.to, done.range.incarnation],
        });
      },
    });
    if (!range.more) throw new Outdated("a subscription has caught up");
    return true;
  }

  async #replay(
    { revision }: Subscriptions,
    { subscription, replay }: { readonly subscription: Subscription; readonly replay: Replay },
    signal: AbortSignal,
  ): Promise<boolean> {
    const { readers } = this.#options;
    const isLast = ({ range, firstReceivedAt }: FannedOut) =>
      !range.more ||
      (firstReceivedAt !== undefined &&
        Date.parse(firstReceivedAt) > replay.to + longestTransactionMs);
    const done = await this.#page({
      ...{ reader: replay.reader, revision, signal, always: true },
      targets: [replayTarget(subscription, replay)],
      async finish(connection, page) {
        const last = isLast(page);
        if (last) await readers.remove(connection, replay.reader);
        await connection.query({
          text: `update deliveries.replays set deliveries = deliveries + $2, state = case when $3 then 'done' else state end,
                   finished_at = case when $3 then clock_timestamp() end where id = $1`,
          values: [replay.id, page.added.get(subscription.id) ?? 0, last],
        });
      },
    });
    return !isLast(done);
  }

  async #page(page: Omit<FanOutPage, "epoch" | "maxEvents">): Promise<FannedOut> {
    const { pending, onAdded, epoch, pageEvents } = this.#options;
    const done = await fanOut(this.#options, { ...page, epoch, maxEvents: pageEvents });
    for (const [id, count] of done.added) {
      pending.set(id, (pending.get(id) ?? 0) + count);
      onAdded(id, count);
    }
    return done;
  }

  async #readReplays(): Promise<readonly Replay[]> {
    const rows = await this.#options.database.query<{
      id: string;
      subscription_id: string;
      reader: string;
      from_ms: number;
      to_ms: number | null;
      end_position: string;
      end_incarnation: string;
    }>({
      name: "deliveries_replays",
      text: `select id, subscription_id, reader, extract(epoch from received_from)::float8 * 1000 as from_ms,
               extract(epoch from received_to)::float8 * 1000 as to_ms, end_position::text as end_position, end_incarnation
             from deliveries.replays where state = 'running' order by id`,
    });
    return rows.map((row) => ({
      id: row.id,
      subscriptionId: row.subscription_id,
      reader: row.reader,
      from: row.from_ms,
      to: row.to_ms ?? Number.POSITIVE_INFINITY,
      end: savedPosition(row.end_position, row.end_incarnation),
    }));
  }
}

function liveTarget(subscription: Subscription): Target {
  return {
    subscription,
    replayId: null,
    accepts: (event) => !subscription.isBeforeStart(event),
  };
}

function replayTarget(subscription: Subscription, { id, from, to, end }: Replay): Target {
  const accepts = ({ logged }: ReadEvent) => {
    const receivedAt = Date.parse(logged.receivedAt);
    return receivedAt >= from && receivedAt < to && (end === undefined || isSeen(end, logged));
  };
  return { subscription, replayId: id, accepts };
}
