/**
 * The wire contract of Weir: schemas, types, limits and error codes, without dependencies.
 *
 * GLOSSARY. One meaning per word, in code, API, dashboard and documentation.
 *
 * Events
 * - event: one thing that happened.
 * - event type: its name, `object.action` in lower case by convention. Each maps to an action.
 * - action: what an event type means for analytics: view, cart, purchase, refund, search, other.
 * - raw event: an accepted event as stored, with the bytes that were sent.
 * - raw log: all raw events, in PostgreSQL. Everything else is derived from it.
 * - entry point: a way to send events: single, batch, Segment, CloudEvents.
 * - verdict: what happened to one sent event: accepted, duplicate, conflict, rejected, retry.
 * - dead letter: an event or message that a part could not process, kept with its bytes and the reason.
 * - replay: giving dead letters back to their part.
 * - live feed: raw events pushed over a WebSocket as they are stored.
 *
 * Access
 * - service: a registered sender or reader, and the owner of API keys.
 * - source: the name of the service that sent an event, set by the server.
 * - key: an API key of a service. session (browser): a signed-in browser, bound to a key.
 * - role: a named set of permissions. permission: `<app>.<http_method>.<view_name>`.
 * - extra permission, revoked permission: added to, or taken from, one service on top of its role.
 *
 * Analytics
 * - window: `[start, start + size)` in UTC event time; size is minute, hour or day.
 * - rerun: recomputing a window from its raw events.
 * - session (analytics): events of one user without a gap of 30 minutes.
 * - freshness: how current the numbers of an answer are.
 *
 * Vectors
 * - embedder: turns text into a vector, under a model id. model: one version of an embedder.
 * - point: a vector with an id and a payload. collection: a set of points.
 * - sync: copying points to an external vector store.
 *
 * Reading
 * - log reader: a registered consumer of the raw log.
 * - position: how far a log reader has read the raw log, a PostgreSQL snapshot (its watermark).
 * - incarnation: the time in which PostgreSQL has taken back nothing that it had shown. A crash, a promoted
 *   standby and a restored backup begin a new one; a clean restart does not. A position is valid in its own.
 * - page: a claimed range of the raw log for one stream worker. In the API: a page of results.
 * - cursor: what an API client gets in order to continue, in a list of results or in the live feed.
 *
 * Topics (Kafka)
 * - topic: events, raw_data and their dead-letter topics (topics.ts).
 * - message: a record of a topic: key, value, headers. relay writes `events`, intake reads `raw_data`.
 *
 * Running
 * - process: an operating-system process; it runs one or more parts.
 * - part: a long-running component of the server: ingest, etl, stream, gateway, ...
 * - adapter: the only code that imports a given library or talks to a given server.
 *
 * Reserved for what is planned: task (a unit of background work), delivery (an event on its way to a
 * subscriber), engine (what computes windows and vectors: builtin or spark), profile (a set of
 * defaults: embedded or distributed), archive (columnar files of closed hours), identity link.
 */
export * from "./analytics/index.ts";
export * from "./errors.ts";
export * from "./event.ts";
export * from "./frames.ts";
export * from "./patterns.ts";
export type { Infer, Schema } from "./schema.ts";
export * as schema from "./schema.ts";
export * from "./search.ts";
export * from "./session.ts";
export * from "./time-zone.ts";
export * from "./topics.ts";
