/**
 * Segment's HTTP tracking API. Its clients treat any 2xx as success, drop the message on 400, and
 * retry everything else for hours. What can never succeed is therefore answered 400, or reported
 * inside a 200 when other messages of the batch were accepted.
 */
import { resultSchema, type Schema, schema } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import { readBody } from "../../core/event/element.ts";
import {
  checkSegment,
  type SegmentType,
  segmentBatch,
  segmentTypes,
  segmentWriteKey,
} from "../../core/event/segment.ts";
import { singleElement } from "../../core/event/single.ts";
import type { Route, RouteRequest } from "../../core/ports/route.ts";
import {
  type AcceptContext,
  acceptMany,
  acceptOne,
  admit,
  batchStatus,
  retryAfterSeconds,
} from "./accept.ts";
import { rateLimitHeaders, segmentBatchSchema, segmentCallSchema } from "./bodies.ts";
import { ingestErrors } from "./native-routes.ts";
import { arrayWithin } from "./split-body.ts";

const { array, boolean, object, optional } = schema;

const segmentAnswerSchema = object(
  { success: boolean(), results: optional(array(resultSchema)) },
  { $id: "SegmentAnswer" },
);

export function segmentRoutes(context: AcceptContext): Route[] {
  return [...segmentTypes.map((type) => callRoute(context, type)), batchRoute(context)];
}

interface Call {
  readonly path: string;
  readonly summary: string;
  readonly schema: Schema<unknown>;
}

function route(about: Call, handle: Route["handle"]): Route {
  const { path, summary } = about;
  return {
    method: "POST",
    path,
    view: "events.segment_ingest",
    access: "permission",
    keyInBody: segmentWriteKey,
    summary,
    // the browser client sends text/plain to avoid a preflight request
    body: {
      kind: "bytes",
      contentTypes: ["application/json", "text/plain"],
      description: "A message as Segment's clients send it.",
      schemas: { "application/json": about.schema, "text/plain": about.schema },
    },
    errors: ingestErrors,
    responses: {
      200: {
        description: "Stored; a batch also lists its verdicts.",
        schema: segmentAnswerSchema,
        headers: rateLimitHeaders,
      },
      400: {
        description: "Permanently invalid; Segment's clients drop it.",
      },
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
  const about = {
    path: `/v1/${type}`,
    summary: `Segment's ${type} call.`,
    schema: segmentCallSchema(type),
  };
  return route(about, async (request) => {
    const options = { entryPoint: "segment", events: 1 } as const;
    const { receipt, headers } = await admit(context, request, options);
    const bytes = request.body as Buffer;
    const element = singleElement(bytes);
    const checked = checkSegment(readBody(bytes), element, {
      receipt,
      call: { type, sentAt: undefined },
    });
    await acceptOne(context, checked, { entryPoint: "segment", headers });
    return { status: 200, headers, body: { success: true } };
  });
}

const permanent = ["conflict", "invalid_event", "invalid_request", "too_large", "user_erased"];

/** Clients would retry 409, 413 and 422; as a 400 with the same detail they drop the message. */
function dropped(error: unknown): unknown {
  if (!(error instanceof WeirError)) return error;
  if (!permanent.includes(error.code)) return error;
  return new WeirError("malformed_request", error.options);
}

function batchRoute(context: AcceptContext): Route {
  const about = {
    path: "/v1/batch",
    summary: "Segment's batch call: up to 2,000 messages.",
    schema: segmentBatchSchema,
  };
  return route(about, async (request: RouteRequest) => {
    const bytes = request.body as Buffer;
    const parts = segmentBatch(bytes);
    if (parts?.batch === undefined) {
      throw new WeirError("malformed_request", { detail: 'the body has no array "batch"' });
    }
    const elements = arrayWithin(bytes, parts.batch);
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
      // the client sends the whole batch again; what was stored is then a duplicate
      throw new WeirError("unavailable", {
        detail: "part of the batch could not be stored in time; send the whole batch again",
        retryAfterSeconds,
        headers,
      });
    }
    if (batchStatus(results) === 422) {
      const detail = results.find((result) => result.detail !== undefined)?.detail;
      throw new WeirError("malformed_request", {
        detail: `no message of the batch is valid; the first: ${detail ?? "unknown"}`,
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
