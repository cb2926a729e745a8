import { type EventPage, eventPageSchema, rawEventSchema, schema } from "@weir/protocol";
import type { Route, RouteRequest } from "../../core/ports/route.ts";
import type { QueryContext } from "./context.ts";
import { csvReply, maxCsvRows } from "./csv.ts";
import { eventColumnNames, eventRows } from "./csv-rows.ts";
import { invalidQuery } from "./invalid-query.ts";
import {
  cursorParameter,
  formatParameter,
  limitOf,
  limitParameter,
  nameParameter,
  textOf,
} from "./parameters.ts";
import { type EventQuestion, readEvent, readEventBytes } from "./questions/event.ts";
import { type EventsQuestion, readEvents, readUserEvents } from "./questions/events.ts";
import type { EventFilter } from "./questions/scan-events.ts";
import { rangeParameters, readInstant, readInstants } from "./range.ts";

const propertyPrefix = "property.";
const csvPage = 1_000;
const eventRange = {
  ...rangeParameters,
  from: schema.string({ maxLength: 64, description: "Earliest occurred_at; default 7 days ago." }),
  to: schema.string({ maxLength: 64, description: "First occurred_at after the range." }),
};
const oneEvent = {
  source: nameParameter("When several services use the same id."),
  at: schema.string({ maxLength: 64, description: "Its occurred_at: finds it at once." }),
};
const pageAnswer = {
  200: { description: "A page of events, newest first.", schema: eventPageSchema },
};

/** Reading of raw events. */
export function eventRoutes(context: QueryContext): Route[] {
  const { asker } = context;
  return [
    {
      method: "GET",
      path: "/api/events",
      view: "events.event_list",
      access: "permission",
      summary: `Raw events, newest first; as a file up to ${maxCsvRows} rows.`,
      query: {
        ...eventRange,
        event_type: nameParameter("Only this type."),
        source: nameParameter("Only this source."),
        user_id: nameParameter("Only this user."),
        product_id: nameParameter("Only events about this product."),
        "property.*": schema.string({
          maxLength: 500,
          description: "property.plan=pro: only events with this text in properties.plan.",
        }),
        cursor: cursorParameter,
        limit: limitParameter(1_000, 100),
        format: formatParameter,
      },
      responses: pageAnswer,
      async handle({ query, signal }) {
        const question = { ...eventsQuestion(context, query), filter: filterOf(query) };
        if (query["format"] !== "csv") {
          return { status: 200, body: await readEvents(asker, question, signal) };
        }
        const page = (cursor: unknown) =>
          readEvents(asker, { ...question, cursor, limit: csvPage }, signal);
        return csvReply("events", [...eventColumnNames, "payload"], await eventChunks(page));
      },
    },
    {
      method: "GET",
      path: "/api/users/:id/events",
      view: "analytics.user_events",
      access: "permission",
      summary: "One user's events, newest first, found through the user's sessions.",
      query: { ...eventRange, cursor: cursorParameter, limit: limitParameter(1_000, 100) },
      responses: pageAnswer,
      async handle({ params, query, signal }) {
        const userId = params["id"] ?? "";
        const question = { ...eventsQuestion(context, query), userId };
        return { status: 200, body: await readUserEvents(asker, question, signal) };
      },
    },
    {
      method: "GET",
      path: "/api/events/:id",
      view: "events.event_get",
      access: "permission",
      summary: "One raw event.",
      query: oneEvent,
      responses: { 200: { description: "The event.", schema: rawEventSchema } },
      async handle(request) {
        const event = await readEvent(asker, eventQuestion(context, request), request.signal);
        return { status: 200, body: event };
      },
    },
    {
      method: "GET",
      path: "/api/events/:id/raw",
      view: "events.event_raw",
      access: "permission",
      summary: "The event byte for byte as it was sent.",
      query: oneEvent,
      responses: {
        200: {
          description: "The bytes.",
          schema: schema.unknown(),
          contentType: "application/json",
        },
      },
      async handle(request) {
        const body = await readEventBytes(asker, eventQuestion(context, request), request.signal);
        return {
          status: 200,
          headers: {
            "content-type": "application/json; charset=utf-8",
            "cache-control": "no-store",
          },
          body,
        };
      },
    },
  ];
}

/** The first page is read before the answer begins, so that a refusal is a status and not a cut. */
async function eventChunks(read: (cursor: unknown) => Promise<EventPage>) {
  const first = await read(undefined);
  return (async function* () {
    let page = first;
    for (;;) {
      if (page.events.length > 0) yield eventRows(page);
      if (page.next_cursor === null) return;
      page = await read(page.next_cursor);
    }
  })();
}

function eventsQuestion({ now }: QueryContext, query: RouteRequest["query"]): EventsQuestion {
  return {
    ...readInstants(query, now(), 7),
    filter: {},
    cursor: query["cursor"],
    limit: limitOf(query, 100),
  };
}

function filterOf(query: RouteRequest["query"]): EventFilter {
  const properties = Object.entries(query)
    .filter(([name]) => name.startsWith(propertyPrefix))
    .map(([name, value]) => {
      const path = name.slice(propertyPrefix.length).split(".");
      if (path.includes("") || path.length > 10) {
        throw invalidQuery(name, "must be a path of 1 to 10 names, e.g. property.plan");
      }
      return { path: ["properties", ...path], value: String(value) };
    });
  if (properties.length > 5)
    throw invalidQuery("property", "at most 5 properties can be asked for");
  return {
    eventType: textOf(query, "event_type"),
    source: textOf(query, "source"),
    userKey: textOf(query, "user_id"),
    productKey: textOf(query, "product_id"),
    properties,
  };
}

function eventQuestion(
  { now, retentionDays }: QueryContext,
  { params, query }: RouteRequest,
): EventQuestion {
  const at = query["at"];
  return {
    id: params["id"] ?? "",
    source: textOf(query, "source"),
    atMs: at === undefined ? undefined : readInstant("at", at, "UTC"),
    now: now(),
    retentionDays,
  };
}
