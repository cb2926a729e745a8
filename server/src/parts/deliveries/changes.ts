/** Changes of subscriptions, for the routes and the command line; each is one transaction with its audit entry. */
import { WeirError } from "../../core/errors.ts";
import { compileFilter } from "../../core/event-filter.ts";
import { instantForm, instantOf } from "../../core/instant.ts";
import { DatabaseError, type Queryable } from "../../core/ports/database.ts";
import { textFlaw } from "../../core/text-flaw.ts";
import { endReplays, readState, ring } from "./change-state.ts";
import { type Change, commonReader } from "./ports.ts";
import { bumpRevision } from "./revision.ts";
import type { NewSubscription, Replay, SubscriptionChange } from "./schemas.ts";

export interface Changing extends Change {
  /** Checks the URL and the addresses that it has now. @throws an error whose message says what is wrong */
  readonly checkUrl: (url: string) => Promise<void>;
  readonly newId: () => string;
  readonly random: (bytes: number) => Buffer;
  /** Subscriptions that there may be. */
  readonly maxSubscriptions: number;
}

const timeoutMs = 30_000;
const defaultConcurrency = 4;
const secretBytes = 32;

function makeSecret({ random }: Pick<Changing, "random">): string {
  return `whsec_${random(secretBytes).toString("base64")}`;
}

/** Begins with events that are accepted from now on, or with those received since `from`. */
export async function createSubscription(
  change: Changing,
  wanted: NewSubscription,
): Promise<{ readonly id: string; readonly secret: string }> {
  const { database, actor, audit, readers, newId } = change;
  await demandValid(change, wanted);
  const from = wanted.from === undefined ? undefined : readInstant(wanted.from, "/from");
  const id = newId();
  const secret = makeSecret(change);
  await database.transaction(
    async (connection) => {
      await bumpRevision(connection);
      await demandRoom(connection, change.maxSubscriptions);
      await readers.register(connection, commonReader);
      await named(wanted.name, () =>
        connection.query({
          text: `insert into deliveries.subscriptions
                   (id, name, url, event_types, sources, filter, projection, order_by, concurrency, start_position, start_incarnation, created_by)
                 select $1, $2, $3, $4, $5, $6, $7, $8, $9, pg_current_snapshot(), log.incarnation(), $10`,
          values: [
            ...[id, wanted.name, wanted.url, wanted.event_types ?? [], wanted.sources ?? []],
            wanted.filter == null ? null : JSON.stringify(wanted.filter),
            ...[wanted.projection ?? null, wanted.order_by ?? null],
            ...[wanted.concurrency ?? defaultConcurrency, actor],
          ],
        }),
      );
      await addSecret(connection, id, secret);
      if (from !== undefined) await addReplay(change, connection, { id, from, to: undefined });
      await audit(connection, {
        ...{ actor, action: "subscription.create", subject: `subscription:${wanted.name}` },
        detail: { ...wanted, url: originOf(wanted.url) },
      });
    },
    { timeoutMs },
  );
  await ring(database);
  return { id, secret };
}

/** What is left out stays. Events that are deliveries already are sent as they are, to the new URL. */
export async function updateSubscription(
  change: Changing,
  id: string,
  wanted: SubscriptionChange,
): Promise<void> {
  const { database, actor, audit } = change;
  await demandValid(change, wanted);
  await database.transaction(
    async (connection) => {
      await bumpRevision(connection);
      const { name } = await readState(connection, id);
      const columns = {
        ...wanted,
        ...(wanted.filter === undefined
          ? {}
          : { filter: wanted.filter === null ? null : JSON.stringify(wanted.filter) }),
      };
      await named(wanted.name ?? name, () =>
        connection.query({
          text: `update deliveries.subscriptions s
                 set name = coalesce($2, name), url = coalesce($3, url), event_types = coalesce($4, event_types),
                   sources = coalesce($5, sources), concurrency = coalesce($6, concurrency),
                   filter = case when $7 then $8::jsonb else filter end,
                   projection = case when $9 then $10::text[] else projection end,
                   order_by = case when $11 then $12 else order_by end, updated_at = clock_timestamp()
                 where id = $1`,
          values: [
            ...[id, wanted.name ?? null, wanted.url ?? null, wanted.event_types ?? null],
            ...[wanted.sources ?? null, wanted.concurrency ?? null],
            ...["filter" in columns, columns.filter ?? null],
            ...["projection" in wanted, wanted.projection ?? null],
            ...["order_by" in wanted, wanted.order_by ?? null],
          ],
        }),
      );
      const detail = {
        ...wanted,
        ...(wanted.url === undefined ? {} : { url: originOf(wanted.url) }),
      };
      const subject = `subscription:${name}`;
      await audit(connection, { actor, action: "subscription.update", subject, detail });
    },
    { timeoutMs },
  );
  await ring(database);
}

/** With its log; what is on its way may still arrive. */
export async function deleteSubscription(change: Change, id: string): Promise<void> {
  const { database, actor, audit, readers } = change;
  await database.transaction(
    async (connection) => {
      await bumpRevision(connection);
      const { name, reader } = await readState(connection, id);
      if (reader !== null) await readers.remove(connection, reader);
      await endReplays({ connection, readers }, id);
      await connection.query({
        text: "delete from deliveries.subscriptions where id = $1",
        values: [id],
      });
      const subject = `subscription:${name}`;
      await audit(connection, { actor, action: "subscription.delete", subject, detail: {} });
    },
    { timeoutMs },
  );
  await ring(database);
}

/** Both secrets sign until `overlapHours` are over; the new one is returned, once. */
export async function rotateSecret(
  change: Changing,
  id: string,
  overlapHours: number,
): Promise<string> {
  const { database, actor, audit } = change;
  const secret = makeSecret(change);
  await database.transaction(
    async (connection) => {
      await bumpRevision(connection);
      const { name } = await readState(connection, id);
      // two sign at most
      await connection.query({
        text: "delete from deliveries.secrets where subscription_id = $1 and (expires_at is not null or $2)",
        values: [id, overlapHours === 0],
      });
      await connection.query({
        text: `update deliveries.secrets set expires_at = clock.latest() + make_interval(secs => $2 * 3600.0)
               where subscription_id = $1`,
        values: [id, overlapHours],
      });
      await addSecret(connection, id, secret);
      const subject = `subscription:${name}`;
      const detail = { overlap_hours: overlapHours };
      await audit(connection, { actor, action: "subscription.rotate", subject, detail });
    },
    { timeoutMs },
  );
  await ring(database);
  return secret;
}

/** Delivers again what was received in [from, to), as far as the raw log still has it. */
export async function replayEvents(
  change: Changing,
  id: string,
  period: { readonly from: string; readonly to?: string | undefined },
): Promise<Replay> {
  const { database, actor, audit } = change;
  const from = readInstant(period.from, "/from");
  const to = period.to === undefined ? undefined : readInstant(period.to, "/to");
  if (to !== undefined && to <= from) throw invalid("/to", "must be later than from");
  const replay = await database.transaction(
    async (connection) => {
      await bumpRevision(connection);
      const { name, state } = await readState(connection, id);
      if (state === "disabled") throw invalid("", "the subscription is disabled; resume it first");
      const made = await addReplay(change, connection, { id, from, to });
      const subject = `subscription:${name}`;
      const detail = { from: period.from, to: period.to ?? null };
      await audit(connection, { actor, action: "subscription.replay", subject, detail });
      return made;
    },
    { timeoutMs },
  );
  await ring(database);
  return replay;
}

async function addReplay(
  { readers, newId, actor }: Changing,
  connection: Queryable,
  { id, from, to }: { readonly id: string; readonly from: Date; readonly to: Date | undefined },
): Promise<Replay> {
  const replayId = newId();
  const reader = `${commonReader}:replay:${replayId}`;
  await readers.registerSince(connection, reader, from);
  await connection.query({
    text: `insert into deliveries.replays
             (id, subscription_id, received_from, received_to, reader, end_position, end_incarnation, requested_by)
           select $1, $2, $3, $4, $5, pg_current_snapshot(), log.incarnation(), $6`,
    values: [replayId, id, from, to ?? null, reader, actor],
  });
  return {
    ...{ id: replayId, from: from.toISOString(), to: to?.toISOString() ?? null },
    ...{ state: "running", deliveries: 0 },
  };
}

async function addSecret(connection: Queryable, id: string, secret: string): Promise<void> {
  await connection.query({
    text: "insert into deliveries.secrets (subscription_id, secret) values ($1, $2)",
    values: [id, secret],
  });
}

async function demandRoom(connection: Queryable, max: number): Promise<void> {
  const [row] = await connection.query<{ count: number }>({
    text: "select count(*)::int as count from deliveries.subscriptions",
  });
  if ((row?.count ?? 0) < max) return;
  throw invalid(
    "",
    `there are ${max} subscriptions, as many as deliveries.max_subscriptions allows`,
  );
}

/** What the schema does not say. */
async function demandValid(
  { checkUrl }: Changing,
  { url, filter, projection, event_types, sources }: SubscriptionChange,
): Promise<void> {
  const texts = { projection, event_types, sources, url: url === undefined ? undefined : [url] };
  for (const [name, list] of Object.entries(texts)) {
    for (const [index, text] of (list ?? []).entries()) {
      const flaw = textFlaw(text);
      if (flaw !== undefined) throw invalid(name === "url" ? "/url" : `/${name}/${index}`, flaw);
    }
  }
  if (filter !== undefined && filter !== null) {
    const problem = compileFilter(filter);
    if ("pointer" in problem) throw invalid(`/filter${problem.pointer}`, problem.detail);
  }
  for (const [index, pointer] of (projection ?? []).entries()) {
    if (/^(\/([^~/]|~[01])+){1,8}$/.test(pointer)) continue;
    throw invalid(`/projection/${index}`, 'must be a JSON Pointer such as "/properties/order_id"');
  }
  if (url === undefined) return;
  try {
    await checkUrl(url);
  } catch (error) {
    throw new WeirError("destination_refused", {
      detail: error instanceof Error ? error.message : "the URL is not allowed",
      errors: [{ pointer: "/url", detail: "is not an allowed destination" }],
    });
  }
}

function readInstant(text: string, pointer: string): Date {
  const at = instantOf(text);
  if (at === undefined) throw invalid(pointer, instantForm);
  return at;
}

function invalid(pointer: string, detail: string): WeirError {
  return new WeirError("invalid_request", {
    detail: pointer === "" ? detail : `${pointer}: ${detail}`,
    errors: [{ pointer, detail }],
  });
}

/** A path or query may hold a secret. */
export function originOf(url: string): string {
  return URL.parse(url)?.origin ?? "";
}

async function named<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DatabaseError && error.constraint === "subscriptions_name_key") {
      throw new WeirError("already_exists", { detail: `there is a subscription "${name}"` });
    }
    throw error;
  }
}
