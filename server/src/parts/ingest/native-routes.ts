/** POST /api/events/ and POST /api/events/batch. */
import { batchAnswerSchema, limits, problemSchema, resultSchema } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import { readBody } from "../../core/event/element.ts";
import {
  type Element,
  type Malformed,
  scanSingle,
  splitArray,
  splitLines,
} from "../../core/event/json-scan.ts";
import { checkNative } from "../../core/event/native.ts";
import type { Route, RouteRequest } from "../../core/ports/route.ts";
import { type AcceptContext, acceptMany, acceptOne, admit, batchReply } from "./accept.ts";

export const problemResponses = {
  400: { description: "The body is malformed.", schema: problemSchema },
  413: { description: "The body or the event is too large.", schema: problemSchema },
  415: { description: "The content type or encoding is not taken.", schema: problemSchema },
  429: { description: "The key's rate is used up; see Retry-After.", schema: problemSchema },
  503: { description: "PostgreSQL cannot take it now; see Retry-After.", schema: problemSchema },
} as const;

const lineTypes = ["application/x-ndjson", "application/ndjson", "application/jsonl"];

export function nativeRoutes(context: AcceptContext): Route[] {
  const single: Route = {
    method: "POST",
    path: "/api/events/",
    view: "events.event_ingest",
    access: "permission",
    summary: "Send one event",
    body: {
      kind: "bytes",
      contentTypes: ["application/json"],
      description: "One event; see the schema Event.",
    },
    responses: {
      ...problemResponses,
      202: { description: "Committed: `accepted`, or `duplicate`.", schema: resultSchema },
      409: { description: "Same event_id, other content.", schema: problemSchema },
      422: { description: "The event breaks the contract.", schema: problemSchema },
    },
    async handle(request) {
      const { receipt, headers } = await admit(context, request, {
        entryPoint: "single",
        events: 1,
      });
      const bytes = request.body as Buffer;
      const element = wellFormed(scanSingle(bytes));
      const checked = checkNative(readBody(bytes), element, receipt);
      const kept = await acceptOne(context, checked, { entryPoint: "single", headers });
      return { status: 202, headers, body: { event_id: kept.answerId, verdict: kept.verdict } };
    },
  };
  const batch: Route = {
    method: "POST",
    path: "/api/events/batch",
    view: "events.event_batch_ingest",
    access: "permission",
    summary: "Send up to 2,000 events",
    body: {
      kind: "bytes",
      contentTypes: ["application/json", ...lineTypes],
      description: "A JSON array of events, or one event a line (NDJSON).",
    },
    responses: {
      ...problemResponses,
      202: { description: "At least one event was taken.", schema: batchAnswerSchema },
      422: { description: "No event was taken.", schema: batchAnswerSchema },
    },
    async handle(request) {
      const bytes = request.body as Buffer;
      const elements = batchElements(
        lineTypes.includes(mediaType(request))
          ? splitLines(bytes, limits.batchEvents)
          : splitArray(bytes, limits.batchEvents),
      );
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

export function mediaType(request: RouteRequest): string {
  const header = request.headers["content-type"];
  const type = typeof header === "string" ? header : "";
  const end = type.indexOf(";");
  return (end < 0 ? type : type.slice(0, end)).trim().toLowerCase();
}

/** @throws WeirError malformed_json */
export function wellFormed<T extends object>(scanned: T | Malformed): T {
  if (!("malformed" in scanned)) return scanned;
  throw new WeirError("malformed_json", { detail: `${scanned.malformed}, at byte ${scanned.at}` });
}

/** @throws WeirError malformed_json, too_large, invalid_request */
export function batchElements(scanned: Element[] | Malformed): Element[] {
  const elements = wellFormed(scanned);
  if (elements.length > limits.batchEvents) {
    throw new WeirError("too_large", {
      detail: `a batch may hold ${limits.batchEvents} events; nothing of it was taken`,
    });
  }
  if (elements.length === 0) {
    throw new WeirError("invalid_request", { detail: "the batch holds no event" });
  }
  return elements;
}
