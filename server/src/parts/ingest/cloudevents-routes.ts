/** POST /cloudevents: structured, binary and batched CloudEvents 1.0. */
import { batchAnswerSchema, resultSchema, schema } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import { checkCloudEvent, cloudEventSchema } from "../../core/event/cloudevents.ts";
import {
  checkBinaryCloudEvent,
  httpBinaryHeaders,
  isBinaryMode,
} from "../../core/event/cloudevents-binary.ts";
import { readBody } from "../../core/event/element.ts";
import type { Checked, Receipt } from "../../core/event/record.ts";
import { checkSingleCloudEvent } from "../../core/event/single.ts";
import type { Route, RouteReply, RouteRequest } from "../../core/ports/route.ts";
import { type AcceptContext, acceptMany, acceptOne, admit, batchReply } from "./accept.ts";
import { cloudEventBatchSchema, rateLimitHeaders } from "./bodies.ts";
import { batchInvalid, batchUnavailable, ingestErrors } from "./native-routes.ts";
import { eventArray, mediaType } from "./split-body.ts";

const structured = "application/cloudevents+json";
const batched = "application/cloudevents-batch+json";
const entryPoint = "cloudevents";

export function cloudEventsRoutes(context: AcceptContext): Route[] {
  const route: Route = {
    method: "POST",
    path: "/cloudevents",
    view: "events.cloudevents_ingest",
    access: "permission",
    summary: "Send CloudEvents 1.0: structured, binary or batched.",
    // in binary mode the body is the data, of any type
    body: {
      kind: "bytes",
      contentTypes: [structured, batched, "*/*"],
      description:
        "A CloudEvent, an array of CloudEvents, or, in binary mode, the data of one with any content type: its attributes are then headers (ce-id, ce-source, ce-type, ce-specversion, ...).",
      schemas: { [structured]: cloudEventSchema, [batched]: cloudEventBatchSchema },
    },
    headers: Object.fromEntries(
      ["id", "source", "type", "specversion", "time", "subject", "dataschema"].map((name) => [
        `ce-${name}`,
        schema.string({ description: `In binary mode: the attribute ${name}.` }),
      ]),
    ),
    errors: [...ingestErrors, "invalid_event", "user_erased", "invalid_request", "conflict"],
    responses: {
      503: batchUnavailable,
      422: batchInvalid,
      202: {
        description: "Stored. For a batch: at least one event was stored; see the verdicts.",
        schema: schema.unknown({ anyOf: [resultSchema, batchAnswerSchema] }),
        headers: rateLimitHeaders,
      },
    },
    async handle(request) {
      const type = mediaType(request);
      if (type === batched) return await takeBatch(context, request);
      if (type === structured) return await takeOne(context, request, structuredEvent);
      if (isBinaryMode(request.headers)) return await takeOne(context, request, binaryEvent);
      throw new WeirError("unsupported_media_type", {
        detail: `send ${structured}, ${batched}, or the attributes as ce- headers`,
      });
    },
  };
  return [route];
}

function structuredEvent(request: RouteRequest, receipt: Receipt): Checked {
  return checkSingleCloudEvent(request.body as Buffer, receipt);
}

function binaryEvent(request: RouteRequest, receipt: Receipt): Checked {
  const headers = httpBinaryHeaders(request.headers);
  if ("kind" in headers) return headers;
  return checkBinaryCloudEvent(request.body as Buffer, headers, receipt);
}

async function takeOne(
  context: AcceptContext,
  request: RouteRequest,
  read: (request: RouteRequest, receipt: Receipt) => Checked,
): Promise<RouteReply> {
  const { receipt, headers } = await admit(context, request, { entryPoint, events: 1 });
  const kept = await acceptOne(context, read(request, receipt), { entryPoint, headers });
  return { status: 202, headers, body: { event_id: kept.answerId, verdict: kept.verdict } };
}

async function takeBatch(context: AcceptContext, request: RouteRequest): Promise<RouteReply> {
  const bytes = request.body as Buffer;
  const elements = eventArray(bytes);
  const events = elements.length;
  const { receipt, headers } = await admit(context, request, { entryPoint, events });
  const body = readBody(bytes);
  const checked = elements.map((element) => checkCloudEvent(body, element, receipt));
  return batchReply(await acceptMany(context, entryPoint, checked), headers);
}
