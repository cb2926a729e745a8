import { type EventPage, eventPageSchema, rawEventSchema, schema } from "@weir/protocol";
import type { Route, RouteRequest } from "../../core/ports/route.ts";
import type { QueryContext } from "./context.ts";
import { csvHeaders, csvReply, csvSchema, maxCsvRows } from "./csv.ts";
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
import { momentParameter, rangeParameters, readInstant, readInstants } from "./range.ts";

const propertyPrefix = "property.";
const maxPropertyFilters = 5;
const csvPage = 1_000;
const eventRange = {
  ...rangeParameters,
  from: momentParameter("Earliest occurred_at, inclusive; default: 7 days ago."),
  to: momentParameter("Latest occurred_at, exclusive; default: now."),
};
const oneEvent = {
  source: nameParameter("The event's source; needed when several services use the same id."),
  at: momentParameter("The event's occurred_at; makes the lookup fast."),
};
const pageAnswer = {
  200: { description: "A page of results, newest first.", schema: eventPageSchema },
};

/** `GET /api/events...` and a user's events. */
export function eventRoutes(context: QueryContext): Route[] {
  const { runner } = context;
  return [
    {
      method: "GET",
      path: "/api/events",
      view: "events.event_list",
      access: "permission",
      summary: "Raw events, newest first.",
      query: {
        ...eventRange,
        event_type: nameParameter("Only events of this type."),
        source: nameParameter("Only events of this source."),
        user_id: nameParameter("Only events of this user."),
        product_id: nameParameter("Only events about this product."),
        "property.*": schema.string({
          maxLength: 500,
          maxProperties: maxPropertyFilters,
          description: "property.plan=pro: only events whose properties.plan has this value.",
        }),
        cursor: cursorParameter,
        limit: limitParameter(1_000, 100),
        format: formatParameter,
      },
      errors: ["unanswerable_query"],
      responses: {
        200: {
          description: `A page of results, newest first; with format=csv up to ${maxCsvRows} rows as a file.`,
          schema: eventPageSchema,
          alternatives: { "text/csv": csvSchema },
          headers: csvHeaders,
        },
      },
      async handle({ query, signal }) {
        const question = { ...eventsQuestion(context, query), filter: filterOf(query) };
        if (query["format"] !== "csv") {
          return { status: 200, body: await readEvents(runner, question, signal) };
        }
        const page = (cursor: unknown) =>
          readEvents(runner, { ...question, cursor, limit: csvPage }, signal);
        return csvReply("events", [...eventColumnNames, "payload"], await eventChunks(page));
      },
    },
    {
      method: "GET",
      path: "/api/users/:id/events",
      view: "analytics.user_events",
      access: "permission",
      summary: "Events of one user, newest first.",
      query: { ...eventRange, cursor: cursorParameter, limit: limitParameter(1_000, 100) },
      errors: ["unanswerable_query"],
      responses: pageAnswer,
      async handle({ params, query, signal }) {
        const userId = params["id"] ?? "";
        const question = { ...eventsQuestion(context, query), userId };
        return { status: 200, body: await readUserEvents(runner, question, signal) };
      },
    },
    {
      method: "GET",
      path: "/api/events/:id",
      view: "events.event_get",
      access: "permission",
      summary: "A raw event.",
      query: oneEvent,
      errors: ["unanswerable_query", "not_found"],
      responses: { 200: { description: "The event.", schema: rawEventSchema } },
      async handle(request) {
        const event = await readEvent(runner, eventQuestion(request), request.signal);
        return { status: 200, body: event };
      },
    },
    {
      method: "GET",
      path: "/api/events/:id/raw",
      view: "events.event_raw",
      access: "permission",
      summary: "The bytes of an event, exactly as they were sent.",
      query: oneEvent,
      errors: ["unanswerable_query", "not_found"],
      responses: {
        200: {
          description: "The event as sent.",
          schema: schema.unknown(),
          contentType: "application/json",
        },
      },
      async handle(request) {
        const body = await readEventBytes(runner, eventQuestion(request), request.signal);
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

/** The first page is read before the answer starts, so that an error is still a status. */
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
  if (properties.length > maxPropertyFilters) {
    throw invalidQuery("property", `at most ${maxPropertyFilters} property filters are allowed`);
  }
  return {
    eventType: textOf(query, "event_type"),
    source: textOf(query, "source"),
    userKey: textOf(query, "user_id"),
    productKey: textOf(query, "product_id"),
    properties,
  };
}

function eventQuestion({ params, query }: RouteRequest): EventQuestion {
  const at = query["at"];
  return {
    id: params["id"] ?? "",
    source: textOf(query, "source"),
    atMs: at === undefined ? undefined : readInstant("at", at, "UTC"),
  };
}
