/** Erases a user wherever the log's readers have written about them, and ends the request. */
import { checkKeptEvent } from "../../core/event/kept.ts";
import type { Database, Queryable } from "../../core/ports/database.ts";
import { uuidOfText } from "../../core/uuid.ts";
import type { OpenRequest } from "./open-requests.ts";
import type { UserHistory } from "./ports.ts";

const timeoutMs = 600_000;

interface LaterEvent {
  readonly service_id: number;
  readonly event_id: string;
}

/** One transaction: the request is done, and forgets the user's key, when everything is gone. */
export async function erasePlaces(
  { database, history }: { readonly database: Database; readonly history: UserHistory },
  request: OpenRequest,
): Promise<void> {
  await database.transaction(
    async (connection) => {
      // dead letters first: a replay holds its dead letter until it has written, and then finds none
      await eraseDeadLetters(connection, request);
      await eraseDeliveries(connection, request);
      await erasePoints(connection, request, history);
      await eraseMentions(connection, request);
      // a batch that waits for its fold is staged again, and the log no longer has these events
      await connection.query({
        text: "delete from engine.staged where user_key = $1",
        values: [request.user_key],
      });
      await connection.query({
        text: `update erasure.requests set state = 'done', stage = null, user_key = null, analytics_user = null,
                 error = null, finished_at = now()
               where id = $1`,
        values: [request.id],
      });
    },
    { timeoutMs },
  );
  await database.query({ text: "select pg_notify('weir_points', '')" });
}

/** Those of later events are kept. */
async function eraseDeadLetters(connection: Queryable, request: OpenRequest): Promise<void> {
  const later = (await readLater(connection, request)).map(
    ({ service_id: service, event_id: event }) => `${service}/${event}`,
  );
  await connection.query({
    text: `with deleted as (
             delete from dlq.letters where user_key = $2 and source_key <> all ($3::text[]) returning 1)
           update erasure.requests set dead_letters = dead_letters + (select count(*) from deleted) where id = $1`,
    values: [request.id, request.user_key, later],
  });
  const edited = await connection.query<{ id: string; edited: Buffer; format: unknown }>({
    text: "select id, edited, source -> 'format' as format from dlq.letters where edited is not null for update",
  });
  const naming = edited.filter(({ edited: bytes, format }) => {
    const checked = checkKeptEvent(bytes, format);
    return checked?.kind === "record" && checked.userKey === request.user_key;
  });
  // the original is an event of another user
  await connection.query({
    text: "update dlq.letters set edited = null where id = any ($1::uuid[])",
    values: [naming.map(({ id }) => id)],
  });
}

/**
 * Deliveries that wait and those of the log, with the answers to their attempts. What turns events into deliveries holds
 * this lock shared, from before it reads the events: it has ended before, or finds none. Those of later events are kept.
 */
async function eraseDeliveries(connection: Queryable, request: OpenRequest): Promise<void> {
  await connection.query({ text: "select pg_advisory_xact_lock(hashtext('deliveries.fan_out'))" });
  const later = await readLater(connection, request);
  await connection.query({
    text: `delete from deliveries.deliveries d
           where user_key = $1 and not exists (
             select from unnest($2::int[], $3::uuid[]) as l (service, event)
             where l.service = d.service_id and l.event = d.event_id)`,
    values: [
      request.user_key,
      later.map(({ service_id: service }) => service),
      later.map(({ event_id: event }) => event),
    ],
  });
}

/**
 * Writers of points hold this lock shared (see `lockCollections`), from before they read what the points are derived
 * from: they have ended before the user is deleted, or begin afterwards and find nothing.
 */
async function erasePoints(
  connection: Queryable,
  request: OpenRequest,
  history: UserHistory,
): Promise<void> {
  const pointId = uuidOfText(request.user_key);
  await connection.query({ text: "select pg_advisory_xact_lock(hashtext('stream.collections'))" });
  await connection.query({
    text: "delete from stream.users where point_id = $1",
    values: [pointId],
  });
  const later = await readLater(connection, request);
  const kept = later.flatMap(({ service_id: service, event_id: event }) => [
    event,
    uuidOfText(`${service}/${event}`),
  ]);
  await connection.query({
    text: `update erasure.requests set points = points + (
             select coalesce(sum(vectors.delete_points(m.collection_id, case when m.purpose = 'users' then array[$2::uuid]
               else array(select p.id from vectors.points p where p.collection_id = m.collection_id
                          and p.payload ? 'event_id' and p.payload ->> 'user_id' = $3 and p.id <> all ($4::uuid[])) end)), 0)
             from vectors.model_collections m where m.purpose in ('users', 'events'))
           where id = $1`,
    values: [request.id, pointId, request.user_key, kept],
  });
  const { user_key: userKey, seen, seen_since: since } = request;
  if (later.length > 0 && seen !== null && since !== null) {
    const dead = await connection.query<{ source_key: string }>({
      text: "select source_key from dlq.letters where user_key = $1 and state <> 'resolved'",
      values: [userKey],
    });
    await history.restore(connection, {
      ...{ userKey, after: seen, since },
      dead: dead.map(({ source_key: key }) => key),
    });
  }
}

/** Texts that an operator searched dead letters for. */
async function eraseMentions(connection: Queryable, request: OpenRequest): Promise<void> {
  await connection.query({
    text: `update dlq.replays set filter = jsonb_set(filter, '{text}', '"(erased)"')
           where erasure.mentions(filter ->> 'text', $1)`,
    values: [request.user_key],
  });
  await connection.query({
    text: `update auth.audit_log set detail = jsonb_set(detail, '{filter,text}', '"(erased)"')
           where erasure.mentions(detail #>> '{filter,text}', $1)`,
    values: [request.user_key],
  });
}

/** With `block` there are none while the block is in place. */
async function readLater(
  connection: Queryable,
  request: OpenRequest,
): Promise<readonly LaterEvent[]> {
  return connection.query<LaterEvent>({
    text: `select service_id, event_id from erasure.later_events($1)
           where not exists (select from erasure.blocks where user_hash = $2)`,
    values: [request.id, Buffer.from(request.user_hash, "hex")],
  });
}
