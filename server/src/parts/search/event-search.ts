/** Events by meaning, if the collection `events` is enabled. */
import {
  type EventSearchFilter,
  type EventSearchQuestion,
  eventSearchAnswerSchema,
  eventSearchQuestionSchema,
  type FoundEvent,
} from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import { instantForm, instantOf } from "../../core/instant.ts";
import type { Route, RouteRequest } from "../../core/ports/route.ts";
import type { Condition, Filter, ScoredPoint } from "../../core/ports/vector-store.ts";
import type { SearchContext } from "./context.ts";
import { isZero, type Target } from "./searcher.ts";

const normalLimit = 10;

export function eventSearchRoute(context: SearchContext): Route {
  return {
    method: "POST",
    path: "/api/events/search",
    view: "search.event_search",
    access: "permission",
    summary: "Events by meaning; requires the setting stream.events_collection.",
    body: { kind: "json", schema: eventSearchQuestionSchema },
    errors: ["not_found", "search_unavailable"],
    responses: { 200: { description: "Events, best first.", schema: eventSearchAnswerSchema } },
    handle: (request) => search(context, request),
  };
}

async function search(context: SearchContext, { body, signal }: RouteRequest) {
  const question = body as EventSearchQuestion;
  const filter = filterOf(question.filter);
  const target = await targetOf(context, question.model);
  const { searcher } = context;
  const vector = await searcher.embed(target, question.text, signal);
  const { limit = normalLimit, score_threshold: threshold } = question;
  const found = isZero(vector)
    ? []
    : await searcher.nearest(target, { vector, limit, filter, threshold }, signal);
  const results = found.map(eventOf);
  return { status: 200, body: { results, source: await searcher.source(target, signal) } };
}

async function targetOf(
  { searcher, models, eventsAreKept }: SearchContext,
  modelId: string | undefined,
): Promise<Target> {
  const { id, collections } = await models.resolve(modelId);
  if (collections.events !== undefined) return searcher.target("events", modelId);
  if (eventsAreKept) {
    throw new WeirError("search_unavailable", {
      detail: `the model ${id} has no collection for events yet; the part models adds one within seconds`,
      retryAfterSeconds: 2,
    });
  }
  throw new WeirError("not_found", {
    detail:
      "events are not searchable here: set stream.events_collection to true in weir.yaml (or " +
      "WEIR_STREAM_EVENTS_COLLECTION=true) and restart; events of the last days are filled in then",
  });
}

/** @throws WeirError invalid_request */
function filterOf(asked: EventSearchFilter = {}): Filter | undefined {
  const must: Condition[] = [];
  for (const key of ["event_type", "category", "product_id", "source"] as const) {
    const any = asked[key];
    if (any !== undefined) must.push({ key, match: { any } });
  }
  if (asked.user_id !== undefined) {
    must.push({ key: "user_id", match: { value: asked.user_id } });
  }
  const from = bound("from", asked.from);
  const to = bound("to", asked.to);
  if (from !== undefined && to !== undefined && from >= to) {
    throw new WeirError("invalid_request", { detail: "/filter/from must be before /filter/to." });
  }
  if (from !== undefined || to !== undefined) {
    const range = {
      ...(from === undefined ? {} : { gte: from.toISOString() }),
      ...(to === undefined ? {} : { lt: to.toISOString() }),
    };
    must.push({ key: "occurred_at", range });
  }
  return must.length === 0 ? undefined : { must };
}

function bound(name: "from" | "to", text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const at = instantOf(text);
  if (at !== undefined) return at;
  throw new WeirError("invalid_request", {
    detail: `/filter/${name} ${instantForm}`,
    errors: [{ pointer: `/filter/${name}`, detail: instantForm }],
  });
}

function eventOf({ id, payload = {}, score }: ScoredPoint): FoundEvent {
  const text = (name: string) => {
    const value = payload[name];
    return typeof value === "string" ? value : undefined;
  };
  const texts = (name: string) =>
    [payload[name]].flat().filter((value) => typeof value === "string");
  return {
    event_id: text("event_id") ?? id,
    score: Math.round(score * 1e6) / 1e6,
    event_type: text("event_type") ?? "",
    source: text("source") ?? "",
    user_id: text("user_id") ?? null,
    product_ids: texts("product_id"),
    categories: texts("category"),
    occurred_at: text("occurred_at") ?? "",
    received_at: text("received_at") ?? "",
  };
}
