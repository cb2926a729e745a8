/**
 * Segment's HTTP tracking API. For its clients any 2xx is success, 400 means "drop it", and
 * everything else is sent again, for hours: so what can never succeed is answered 400, or reported
 * inside a 200 when other messages of the batch were taken.
 */
import { limits, problemSchema, resultSchema, schema } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import { readBody } from "../../core/event/element.ts";
import { scanSingle, splitArray } from "../../core/event/json-scan.ts";
import {
  checkSegment,
  type SegmentType,
  segmentBatch,
  segmentTypes,
  segmentWriteKey,
} from "../../core/event/segment.ts";
import type { Route, RouteRequest } from "../../core/ports/route.ts";
import {
  type AcceptContext,
  acceptMany,
  acceptOne,
  admit,
  batchStatus,
  retryAfterSeconds,
} from "./accept.ts";
import { batchElements, problemResponses, wellFormed } from "./native-routes.ts";

const { array, boolean, object, optional } = schema;

const segmentAnswerSchema = object(
  { success: boolean(), results: optional(array(resultSchema)) },
  { $id: "SegmentAnswer" },
);

export function segmentRoutes(context: AcceptContext): Route[] {
  return [...segmentTypes.map((type) => callRoute(context, type)), batchRoute(context)];
}

function route(path: string, summary: string, handle: Route["handle"]): Route {
  return {
    method: "POST",
    path,
    view: "events.segment_ingest",
    access: "permission",
    keyInBody: segmentWriteKey,
    summary,
    // the browser's client sends text/plain, to spare itself a preflight request
    body: {
      kind: "bytes",
      contentTypes: ["application/json", "text/plain"],
      description: "As Segment's clients send it.",
    },
    responses: {
      ...problemResponses,
      200: { description: "Taken.", schema: segmentAnswerSchema },
      400: { description: "Nothing of it can be taken, now or later.", schema: problemSchema },
    },
    async handle(request) {
      try {
        return await handle(request);
      } catch (error) {
        throw dropped(error);
      }
    },
  };
}

function callRoute(context: AcceptContext, type: SegmentType): Route {
  return route(`/v1/${type}`, `Segment: ${type}`, async (request) => {
    const options = { entryPoint: "segment", events: 1 } as const;
    const { receipt, headers } = await admit(context, request, options);
    const bytes = request.body as Buffer;
    const element = wellFormed(scanSingle(bytes));
    const checked = checkSegment(readBody(bytes), element, {
      receipt,
      call: { type, sentAt: undefined },
    });
    await acceptOne(context, checked, { entryPoint: "segment", headers });
    return { status: 200, headers, body: { success: true } };
  });
}

/** 409, 413 and 422 would be sent again: as 400 they are dropped, and say the same. */
function dropped(error: unknown): unknown {
  if (!(error instanceof WeirError)) return error;
  if (!["conflict", "invalid_event", "invalid_request", "too_large"].includes(error.code))
    return error;
  return new WeirError("malformed_request", error.options);
}

function batchRoute(context: AcceptContext): Route {
  return route("/v1/batch", "Segment: up to 2,000 messages", async (request: RouteRequest) => {
    const bytes = request.body as Buffer;
    const parts = segmentBatch(bytes);
    if (parts?.batch === undefined) {
      throw new WeirError("malformed_request", { detail: 'the body has no array "batch"' });
    }
    const elements = batchElements(splitArray(bytes, limits.batchEvents, parts.batch));
    const { receipt, headers } = await admit(context, request, {
      entryPoint: "segment",
      events: elements.length,
    });
    const body = readBody(bytes);
    const call = { type: undefined, sentAt: parts.sentAt };
    const checked = elements.map((element) => checkSegment(body, element, { receipt, call }));
    const results = await acceptMany(context, "segment", checked);
    const isIncomplete = results.some(({ verdict }) => verdict === "retry");
    if (isIncomplete) {
      // the client sends all of it again; what was taken is then a duplicate
      throw new WeirError("unavailable", {
        detail: "a part of the batch could not be written in time; send the batch again",
        retryAfterSeconds,
        headers,
      });
    }
    if (batchStatus(results) === 422) {
      const detail = results.find((result) => result.detail !== undefined)?.detail;
      throw new WeirError("malformed_request", {
        detail: `no message of the batch can be taken; the first: ${detail ?? "unknown"}`,
        errors: results.map((result, n) => ({
          pointer: `/batch/${n}`,
          detail: result.detail ?? result.verdict,
        })),
        headers,
      });
    }
    return { status: 200, headers, body: { success: true, results } };
  });
}
