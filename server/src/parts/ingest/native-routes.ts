/** POST /api/events/ and POST /api/events/batch. */
import {
  batchAnswerSchema,
  type ErrorCode,
  eventBatchSchema,
  eventSchema,
  resultSchema,
} from "@weir/protocol";
import { readBody } from "../../core/event/element.ts";
import { checkNative } from "../../core/event/native.ts";
import { checkSingleNative } from "../../core/event/single.ts";
import type { Route } from "../../core/ports/route.ts";
import { type AcceptContext, acceptMany, acceptOne, admit, batchReply } from "./accept.ts";
import { rateLimitHeaders } from "./bodies.ts";
import { eventArray, eventLines, mediaType } from "./split-body.ts";

/** Of every entry point. */
export const ingestErrors: readonly ErrorCode[] = ["malformed_json", "rate_limited"];

/** A batch that was read has verdicts (`retry`) also when nothing could be stored. */
export const batchUnavailable = {
  description: "Temporarily unavailable, nothing was stored; see Retry-After.",
  schema: batchAnswerSchema,
} as const;
export const batchInvalid = {
  description: "No event was stored; see the verdicts.",
  schema: batchAnswerSchema,
} as const;

const lineTypes = ["application/x-ndjson", "application/ndjson", "application/jsonl"];

export function nativeRoutes(context: AcceptContext): Route[] {
  const single: Route = {
    method: "POST",
    path: "/api/events/",
    view: "events.event_ingest",
    access: "permission",
    summary: "Send one event.",
    body: {
      kind: "bytes",
      contentTypes: ["application/json"],
      description: "One event; see the schema Event.",
      schemas: { "application/json": eventSchema },
    },
    errors: [...ingestErrors, "invalid_event", "user_erased", "conflict"],
    responses: {
      202: {
        description: "Stored: the verdict is `accepted` or `duplicate`.",
        schema: resultSchema,
        headers: rateLimitHeaders,
        links: {
          event: { to: "events.get.event_get", parameters: { id: "$response.body#/event_id" } },
          bytes: { to: "events.get.event_raw", parameters: { id: "$response.body#/event_id" } },
        },
      },
    },
    async handle(request) {
      const { receipt, headers } = await admit(context, request, {
        entryPoint: "single",
        events: 1,
      });
      const bytes = request.body as Buffer;
      const checked = checkSingleNative(bytes, receipt);
      const kept = await acceptOne(context, checked, { entryPoint: "single", headers });
      return { status: 202, headers, body: { event_id: kept.answerId, verdict: kept.verdict } };
    },
  };
  const batch: Route = {
    method: "POST",
    path: "/api/events/batch",
    view: "events.event_batch_ingest",
    access: "permission",
    summary: "Send up to 2,000 events.",
    body: {
      kind: "bytes",
      contentTypes: ["application/json", ...lineTypes],
      description: "A JSON array of events, or one event per line (NDJSON).",
      schemas: Object.fromEntries(
        ["application/json", ...lineTypes].map((type) => [type, eventBatchSchema]),
      ),
    },
    errors: [...ingestErrors, "invalid_request"],
    responses: {
      202: {
        description: "At least one event was stored; see the verdicts.",
        schema: batchAnswerSchema,
        headers: rateLimitHeaders,
      },
      422: batchInvalid,
      503: batchUnavailable,
    },
    async handle(request) {
      const bytes = request.body as Buffer;
      const elements = lineTypes.includes(mediaType(request))
        ? eventLines(bytes)
        : eventArray(bytes);
      const { receipt, headers } = await admit(context, request, {
        entryPoint: "batch",
        events: elements.length,
      });
      const body = readBody(bytes);
      const checked = elements.map((element) => checkNative(body, element, receipt));
      return batchReply(await acceptMany(context, "batch", checked), headers);
    },
  };
  return [single, batch];
}
