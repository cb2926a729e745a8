/** Pauses, resumes and disables subscriptions: by people, or by the part after long failures. */
import { WeirError } from "../../core/errors.ts";
import type { Queryable } from "../../core/ports/database.ts";
import { type Change, channel, commonReader, ownReader } from "./ports.ts";
import { bumpRevision } from "./revision.ts";

interface Changed {
  readonly id: string;
  readonly name: string;
}

const timeoutMs = 30_000;

export interface Pause {
  readonly reason: string;
  /** `state_since` as the reason was found: it says nothing about a subscription that was resumed meanwhile. */
  readonly since?: string;
}

/** From here on it reads the raw log by itself, which keeps the events for it. Undefined when it was not active. */
export async function pauseSubscription(
  { database, actor, audit, readers }: Change,
  id: string,
  { reason, since }: Pause,
): Promise<Changed | undefined> {
  const paused = await database.transaction(
    async (connection) => {
      await bumpRevision(connection);
      const before = await readState(connection, id);
      if (before.state !== "active" || (since ?? before.since) !== before.since) return undefined;
      const reader = before.reader ?? ownReader(id);
      if (before.reader === null) await readers.copy(connection, commonReader, reader);
      await connection.query({
        text: `update deliveries.subscriptions
               set state = 'paused', state_reason = $2, state_since = clock.latest(), reader = $3, updated_at = clock_timestamp()
               where id = $1`,
        values: [id, reason, reader],
      });
      await audit(connection, {
        actor,
        action: "subscription.pause",
        subject: `subscription:${before.name}`,
        detail: { reason },
      });
      return { id, name: before.name };
    },
    { timeoutMs },
  );
  await ring(database);
  return paused;
}

/** Continues with the events since the pause. A disabled one, whose events are gone, begins with new ones. */
export async function resumeSubscription(
  { database, actor, audit }: Change,
  id: string,
): Promise<void> {
  await database.transaction(
    async (connection) => {
      await bumpRevision(connection);
      const { name, state } = await readState(connection, id);
      if (state === "active") return;
      await connection.query({
        text: `update deliveries.subscriptions
               set state = 'active', state_reason = null, state_since = clock.latest(), failing_since = null,
                 updated_at = clock_timestamp(),
                 start_position = case when state = 'disabled' then pg_current_snapshot() else start_position end,
                 start_incarnation = case when state = 'disabled' then log.incarnation() else start_incarnation end
               where id = $1`,
        values: [id],
      });
      await audit(connection, {
        actor,
        action: "subscription.resume",
        subject: `subscription:${name}`,
        detail: { from: state },
      });
    },
    { timeoutMs },
  );
  await ring(database);
}

/** The raw log no longer waits for it: events since the pause are not delivered, and what was pending is dead. */
export async function disableSubscription(
  { database, actor, audit, readers }: Change,
  id: string,
  reason: string,
): Promise<Changed | undefined> {
  return database.transaction(
    async (connection) => {
      await bumpRevision(connection);
      const { name, state, reader } = await readState(connection, id);
      if (state !== "paused") return undefined;
      if (reader !== null) await readers.remove(connection, reader);
      await endReplays({ connection, readers }, id);
      await connection.query({
        text: `update deliveries.subscriptions
               set state = 'disabled', state_reason = $2, state_since = clock.latest(), reader = null,
                 updated_at = clock_timestamp()
               where id = $1`,
        values: [id, reason],
      });
      const dead = await connection.query({
        text: `update deliveries.deliveries set state = 'dead', finished_at = clock.latest(), last_error = $2
               where subscription_id = $1 and state = 'pending' returning 1 as one`,
        values: [id, reason],
      });
      await audit(connection, {
        actor,
        action: "subscription.disable",
        subject: `subscription:${name}`,
        detail: { reason, dead_deliveries: dead.length },
      });
      return { id, name };
    },
    { timeoutMs: 300_000 },
  );
}

/** Their readers go with them. */
export async function endReplays(
  { connection, readers }: { readonly connection: Queryable; readonly readers: Change["readers"] },
  id: string,
): Promise<void> {
  const running = await connection.query<{ reader: string }>({
    text: `update deliveries.replays set state = 'done', finished_at = clock_timestamp()
           where subscription_id = $1 and state = 'running' returning reader`,
    values: [id],
  });
  for (const { reader } of running) await readers.remove(connection, reader);
}

export async function ring(database: Queryable): Promise<void> {
  await database.query({ text: `notify ${channel}` });
}

interface State {
  readonly name: string;
  readonly state: "active" | "paused" | "disabled";
  readonly reader: string | null;
  /** As PostgreSQL writes it. */
  readonly since: string;
}

/** @throws WeirError `not_found` */
export async function readState(connection: Queryable, id: string): Promise<State> {
  const [row] = await connection.query<State>({
    text: "select name, state, reader, state_since::text as since from deliveries.subscriptions where id = $1",
    values: [id],
  });
  if (row === undefined) {
    throw new WeirError("not_found", { detail: `there is no subscription "${id.slice(0, 80)}"` });
  }
  return row;
}
