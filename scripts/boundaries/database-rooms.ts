/** Whose tables the SQL of a room may name; `scripts/check-sql.ts` enforces it. Rooms as in `rooms.ts`. */

/**
 * What the SQL of a room may name: its own schemas, and by name what it needs of others, with the
 * reason. The functions of a schema (`server/sql/functions/<schema>/`) belong to the room that owns it.
 * Rooms that are not listed have no SQL. An entry that no statement needs is refused.
 */
export interface DatabaseRoom {
  /** A folder, with all folders below it. */
  readonly path: string;
  /** Each schema has exactly one owner. */
  readonly owns?: readonly string[];
  /** Schemas whose tables it reads. */
  readonly reads?: Reasons;
  /** Schemas whose tables it changes. */
  readonly writes?: Reasons;
  /** Functions of other schemas that it calls, as `schema.name`. */
  readonly calls?: Reasons;
}

type Reasons = Readonly<Record<string, string>>;

const trustedTime = "What expires or is deleted for its age depends on no clock alone.";
const readsLog =
  "Reads the log with the reader's functions, in the statement that uses the events.";
const serviceNames = "Names of services, to show instead of their numbers.";
const actions = "The action that an event type stands for.";
const inOneTransaction =
  "Each stage deletes rows in one transaction with the progress of the request.";
const retentionDecides = "Retention decides when; the owner's function says how.";
const restored = "Migrating adapts a restored dump before anything writes.";
const inPage = "Written in the transaction of the page that it comes from.";

export const databaseRooms: readonly DatabaseRoom[] = [
  { path: "server/src/parts/clock", owns: ["clock"] },
  {
    path: "server/src/parts/auth",
    owns: ["auth"],
    calls: {
      "log.incarnation": "A revision has one meaning within the server's incarnation.",
      "clock.latest": trustedTime,
    },
  },
  {
    path: "server/src/parts/ingest",
    owns: ["raw"],
    reads: {
      log: "A new partition of a day that readers count as closed needs their trigger.",
      erasure: "Events of blocked users are refused in the transaction that would write them.",
    },
    calls: {
      "log.close_day": "As above.",
      "clock.trusted": trustedTime,
      "clock.first_xid_since": trustedTime,
    },
  },
  {
    path: "server/src/parts/intake",
    reads: { erasure: "Nothing of a blocked user is kept as a dead letter." },
    calls: { "dlq.add": "A message that is no event becomes a dead letter." },
  },
  {
    path: "server/src/parts/log",
    owns: ["log"],
    reads: {
      raw: "The log itself.",
      etl: actions,
      auth: serviceNames,
      erasure: "The set of an open erasure ends at a position, which a restored dump adapts.",
      engine: "Events that Spark has folded beyond the position of the windows are not unread.",
    },
    writes: {
      raw: "Transaction ids of a restored dump are adapted to its cluster.",
      erasure: "As above.",
      etl: "Transaction ids of fences mean nothing in another cluster.",
      clock: "The first transactions of past days are those of another cluster.",
      engine: "As above.",
    },
    calls: {
      "clock.trusted": trustedTime,
      "engine.use": "Messages in Kafka name transactions of the other cluster.",
    },
  },
  {
    path: "server/src/parts/etl",
    owns: ["etl", "analytics"],
    reads: {
      raw: "Reruns and the audit read events by their time, not by position.",
      log: "Its position, in the transaction of the windows.",
      engine: "Which engine folds the windows, and what Spark has folded beyond the position.",
    },
    writes: {
      log: "A worker that takes over raises the epoch of its reader.",
      engine: "Keys of erased users on their way from Spark.",
    },
    calls: {
      "log.unread": readsLog,
      "log.since": readsLog,
      "log.position_after": readsLog,
      "log.is_due": readsLog,
      "log.next_page": readsLog,
      "log.advance": readsLog,
      "log.incarnation": "Fails before a restored dump has been adapted to its cluster.",
      "clock.latest": "Whether a window has begun.",
      "engine.advance": "Moves the position over what Spark has folded.",
      "engine.forget": "As above.",
    },
  },
  {
    path: "server/src/parts/engine",
    owns: ["engine"],
    reads: {
      raw: "The log decides which events exist.",
      log: "The position of the windows.",
      analytics: "Ids of names that are known already.",
      vectors: "The live model and its file, for the job's points.",
    },
    writes: {
      auth: "The audit log, in the transaction of the change.",
      etl: "A rerun by Spark is a run of each of its days in the list of windows.",
    },
    calls: {
      "etl.stage_rerun": "The same rerun of an hour for both engines.",
      "etl.apply_rerun": "As above.",
      "etl.raw_events_gone": "Whether a range can be recomputed.",
      "etl.oldest_raw_day": "As above.",
      "etl.start_of_hour": "As above.",
      "clock.latest": "Whether a range has begun.",
      "etl.fold": "The same stages fold the batches of both engines.",
      "etl.open_batch": "As above.",
      "etl.note_misdated": "As above.",
      "etl.minute_of": "As above.",
      "etl.hour_of_minute": "As above.",
      "etl.day_of_minute": "As above.",
      "log.unread": readsLog,
      "log.since": readsLog,
      "log.advance": readsLog,
      "log.lag": "What the windows still lack, for the job.",
      "log.incarnation": "Fails before a restored dump has been adapted to its cluster.",
    },
  },
  {
    path: "server/src/parts/stream",
    owns: ["stream"],
    reads: {
      raw: "Retention of events' points, and the events of a collection that is filled.",
      log: "Whether pages wait: then a refresh of points ends early.",
      etl: actions,
      auth: serviceNames,
      erasure: "A replayed dead letter of a blocked user is refused.",
      vectors: "Finds points that lack a product or an event, and the collections of models.",
    },
    writes: {
      vectors: "Points of events are reserved by their insert, in the transaction of the page.",
    },
    calls: {
      "log.claim": "stream.claim calls it for processes of the previous version.",
      "dlq.add": inPage,
      "vectors.hold_collection": inPage,
      "vectors.put_points": inPage,
      "vectors.delete_points": "Points of events that retention has dropped.",
      "clock.earliest": trustedTime,
      "clock.latest": trustedTime,
    },
  },
  {
    path: "server/src/parts/models",
    reads: {
      vectors: "Models and their collections lie in the schema of the points.",
      stream: "The lease of the part.",
    },
    writes: {
      vectors: "Models and their collections lie in the schema of the points.",
      stream: "The lease of the part, and vectors of texts that go with their model.",
    },
    calls: {
      "vectors.drop_collection": "A model's collections go with it.",
      "vectors.purge_tombstones": "Models run the clean-up of the vector store.",
    },
  },
  {
    path: "server/src/parts/query",
    reads: {
      analytics: "The windows are what it answers from.",
      auth: serviceNames,
      etl: "States and reruns of windows.",
      raw: "Single events, and questions that windows cannot answer.",
      engine: "Which raw events the windows count, to combine them.",
      log: "The position of the windows, in the key of a kept answer.",
    },
    calls: {
      "log.lag": "Freshness of the windows, in the snapshot of the answer.",
      "etl.received_since": "Which days of the log hold events of a period.",
    },
  },
  {
    path: "server/src/parts/search",
    reads: {
      stream: "Texts of products, and interests of users.",
      vectors: "The model that is live, and its collections.",
    },
    calls: { "stream.bought_by": "What a user bought is not recommended again." },
  },
  {
    path: "server/src/parts/dlq",
    owns: ["dlq"],
    calls: { "clock.earliest": trustedTime, "clock.latest": trustedTime },
  },
  {
    path: "server/src/parts/erasure",
    owns: ["erasure"],
    reads: {
      engine: "What Spark has folded beyond the position of the windows.",
      raw: "Days of the log that may hold events of the user, and who is writing to it.",
      etl: "Whether hours that the previous version began to erase are recomputed.",
      log: "Whether pages that may hold events of the user are still in progress; the start of the open days.",
      vectors: "Points of the user's events.",
      dlq: "Dead letters of the user, and edits of others that name the user.",
    },
    writes: {
      auth: "The audit log, in the transaction of the request.",
      deliveries: inOneTransaction,
      dlq: inOneTransaction,
      engine: "Events of the user that Spark has staged and not folded.",
      stream: inOneTransaction,
    },
    calls: {
      "vectors.delete_points": inOneTransaction,
      "etl.open_retraction":
        "Sums of products are taken back in the transaction that deletes raw events.",
      "etl.retract_products": "As above.",
      "etl.retire_users": inOneTransaction,
      "etl.retract_day": inOneTransaction,
      "etl.days_of_users": "What is left to take back.",
      "log.unread": readsLog,
      "log.since": readsLog,
    },
  },
  {
    path: "server/src/parts/relay",
    owns: ["relay"],
    reads: {
      raw: "The first event since a time, to rewind to.",
      log: "Its position, to rewind it.",
    },
    writes: { log: "A rewind moves the position of its reader." },
    calls: { "log.unread": readsLog },
  },
  {
    path: "server/src/parts/deliveries",
    owns: ["deliveries"],
    reads: { auth: serviceNames },
    calls: {
      "log.incarnation": "A position is valid in the incarnation in which it was read.",
      "clock.earliest": trustedTime,
      "clock.latest": trustedTime,
    },
  },
  {
    path: "server/src/parts/retention",
    reads: { log: "The reader that a day waits for, for the message." },
    calls: {
      "raw.drop_partitions": retentionDecides,
      "raw.partitions_before": retentionDecides,
      "raw.prepare_days": retentionDecides,
      "raw.rotate_identities": retentionDecides,
      "etl.drop_facts": retentionDecides,
      "log.close_days": retentionDecides,
      "clock.earliest": trustedTime,
      "clock.trusted": trustedTime,
      "log.needed_since": "A day is dropped when every reader has read it.",
      "log.since": "The reader that a day waits for, for the message.",
    },
  },
  {
    path: "server/src/adapters/vectors",
    owns: ["vectors"],
    calls: { "log.incarnation": "Positions of the change feed end with the server's incarnation." },
  },
  { path: "server/src/adapters/telemetry", owns: ["telemetry"] },
  { path: "server/src/process", reads: { raw: "Which role owns the tables." } },
  {
    path: "server/src/adapters/postgres",
    reads: { vectors: restored },
    calls: { "log.adopt_restored": restored, "vectors.mend_feed": restored },
  },
];
