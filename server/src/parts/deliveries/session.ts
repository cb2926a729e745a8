/** What the process that holds the lease does until it stops or loses it. */
import { createBackoff } from "../../timing/backoff.ts";
import { pause } from "../../timing/pause.ts";
import { createWake, type Wake } from "../../timing/wake.ts";
import { type Pause, pauseSubscription } from "./change-state.ts";
import { Outdated } from "./fan-out.ts";
import type { Attempt } from "./lane.ts";
import { Lanes } from "./lanes.ts";
import type { Lease } from "./lease.ts";
import { maintain } from "./maintain.ts";
import type { DeliveriesOptions } from "./options.ts";
import { Planner } from "./plan.ts";
import { channel, commonReader } from "./ports.ts";
import { createSettler } from "./settle.ts";
import { Slots } from "./slots.ts";
import { readSubscriptions, type Subscriptions } from "./subscription.ts";

export interface SessionOptions extends DeliveriesOptions {
  readonly lease: Lease;
  readonly isFresh: () => boolean;
}

/** The actor in the audit log for what the part decides. */
const actor = "weir";

const pollMs = 500;
/** A rotated secret expires within that time, and a change without a notification is noticed. */
const reloadMs = 5_000;
const maintainMs = 30_000;
/** After the order to stop, for what is on its way. */
const drainMs = 3_000;
const backoffMs = { firstMs: 100, lastMs: 5_000 } as const;

export class Session {
  readonly #options: SessionOptions;
  readonly #pending = new Map<string, number>();
  /** What is recorded in `failing_since`, as far as it is known. */
  readonly #isFailing = new Map<string, boolean>();
  readonly #wake: Wake = createWake();

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Rejects when it must begin again. */
  async run({
    stop,
    lost,
  }: {
    readonly stop: AbortSignal;
    readonly lost: AbortSignal;
  }): Promise<void> {
    const { notifications, database, lease, limits, isFresh, now = Date.now } = this.#options;
    const failed = new AbortController();
    const end = AbortSignal.any([stop, lost, failed.signal]);
    // ends what is on its way
    const abort = new AbortController();
    const settling = new AbortController();
    lost.addEventListener("abort", () => abort.abort(), { once: true });
    const settler = createSettler({
      ...{ database, epoch: lease.epoch, giveUpAfterHours: () => limits().giveUpAfterHours },
    });
    const lanes = new Lanes(
      {
        ...{ database, settler, isFresh, now },
        openDestination: this.#options.openDestination,
        slots: new Slots(() => limits().concurrency),
        bufferBytes: () => limits().bufferBytes,
        retryDelayMs: this.#options.retryDelayMs,
        onAttempt: (attempt) => this.#noteAttempt(attempt),
        ...(this.#options.onError === undefined ? {} : { onError: this.#options.onError }),
      },
      abort.signal,
    );
    const unsubscribe = [
      notifications.subscribe("weir_raw", () => this.#wake.wake()),
      notifications.subscribe(channel, () => this.#wake.wake()),
    ];
    const settled = settler.run(settling.signal);
    const maintaining = this.#maintain(end);
    try {
      await this.#readLog(lanes, end);
    } finally {
      for (const remove of unsubscribe) remove();
      failed.abort();
      const drained = new AbortController();
      void pause(drainMs, drained.signal).then(() => abort.abort());
      await lanes.close();
      drained.abort();
      settling.abort();
      await Promise.all([settled, maintaining]);
    }
  }

  async #readLog(lanes: Lanes, end: AbortSignal): Promise<void> {
    const { database, openReader, readers, lease, limits } = this.#options;
    await this.#countPending();
    const planner = new Planner({
      ...{ database, openReader, readers, epoch: lease.epoch, pending: this.#pending },
      pageEvents: limits().pageEvents,
      queueDeliveries: () => limits().queueDeliveries,
      onAdded: (id) => lanes.wake(id),
    });
    while (!end.aborted) {
      const subscriptions = await readSubscriptions(database);
      lanes.apply(subscriptions.all);
      if (subscriptions.all.length === 0) {
        if (await this.#forget()) return;
        await this.#wake.wait(reloadMs, end);
        continue;
      }
      await this.#readUntilOutdated(planner, subscriptions, end);
    }
  }

  async #readUntilOutdated(
    planner: Planner,
    subscriptions: Subscriptions,
    end: AbortSignal,
  ): Promise<void> {
    const { limits, database } = this.#options;
    const reloadAt = performance.now() + reloadMs;
    while (!end.aborted && performance.now() < reloadAt) {
      const began = performance.now();
      try {
        const more = await planner.round(subscriptions, end);
        if (!more) {
          await pause(limits().intervalMs - (performance.now() - began), end);
          await this.#wake.wait(pollMs, end);
        }
        if (await this.#isOutdated(subscriptions.revision)) return;
      } catch (error) {
        if (error instanceof Outdated && (await this.#isOurs(database))) return;
        throw error;
      }
    }
  }

  async #isOutdated(revision: string): Promise<boolean> {
    const rows = await this.#options.database.query({
      name: "deliveries_is_outdated",
      text: "select from deliveries.state where revision = $1",
      values: [revision],
    });
    return rows.length === 0;
  }

  async #isOurs(database: SessionOptions["database"]): Promise<boolean> {
    const rows = await database.query({
      name: "deliveries_is_ours",
      text: "select from deliveries.state where epoch = $1",
      values: [this.#options.lease.epoch],
    });
    return rows.length > 0;
  }

  /** Without subscriptions nothing is kept in the raw log for them. False when one was added meanwhile. */
  async #forget(): Promise<boolean> {
    const { database, readers } = this.#options;
    return database.transaction(async (connection) => {
      await connection.query({ text: "select from deliveries.state for update" });
      const left = await connection.query({
        text: "select from deliveries.subscriptions limit 1",
      });
      if (left.length > 0) return false;
      await readers.remove(connection, commonReader);
      const rest = await connection.query({ text: "select from deliveries.deliveries limit 1" });
      return rest.length === 0;
    });
  }

  async #countPending(): Promise<void> {
    const rows = await this.#options.database.query<{ id: string; count: number }>({
      text: `select subscription_id as id, count(*)::int as count from deliveries.deliveries
             where state = 'pending' group by subscription_id`,
    });
    this.#pending.clear();
    for (const { id, count } of rows) this.#pending.set(id, count);
  }

  #noteAttempt(attempt: Attempt): void {
    const { subscription, settled, outcome } = attempt;
    if (settled !== "pending") {
      const { id } = subscription;
      this.#pending.set(id, Math.max(0, (this.#pending.get(id) ?? 0) - 1));
      if (subscription.reader !== null) this.#wake.wake();
    }
    this.#options.onAttempt?.(attempt);
    if (settled === "dead" && outcome.kind === "failed") {
      const reason = outcome.error;
      this.#options.onNotice?.({ kind: "dead", subscription: subscription.name, reason });
    }
    this.#noteHealth(attempt).catch((error: unknown) => this.#options.onError?.(error));
  }

  async #noteHealth({ subscription, outcome }: Attempt): Promise<void> {
    const isFailing = outcome.kind === "failed";
    if (this.#isFailing.get(subscription.id) !== isFailing) {
      this.#isFailing.set(subscription.id, isFailing);
      await this.#options.database.query({
        name: "deliveries_failing",
        text: `update deliveries.subscriptions set failing_since = case when $2 then coalesce(failing_since, clock.latest()) end
               where id = $1 and (failing_since is not null) <> $2`,
        values: [subscription.id, isFailing],
      });
    }
    if (outcome.kind === "failed" && outcome.isGone === true) {
      const reason = "the receiver answered 410 (gone)";
      await this.#pause(subscription.id, { reason, since: subscription.state_since });
    }
  }

  async #pause(id: string, pause: Pause): Promise<void> {
    const paused = await pauseSubscription({ ...this.#options, actor }, id, pause);
    if (paused === undefined) return;
    const { reason } = pause;
    this.#options.onNotice?.({ kind: "paused", subscription: paused.name, reason });
  }

  async #maintain(end: AbortSignal): Promise<void> {
    const backoff = createBackoff(backoffMs);
    while (!end.aborted) {
      try {
        await maintain({
          ...this.#options,
          actor,
          limits: this.#options.limits(),
          onPause: (id, reason) => this.#pause(id, { reason }),
        });
        await this.#countPending();
        backoff.reset();
        await pause(maintainMs, end);
      } catch (error) {
        if (end.aborted) return;
        this.#options.onError?.(error);
        await pause(backoff.next(), end);
      }
    }
  }
}
