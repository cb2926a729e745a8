/** POST /cloudevents: structured, binary and batched CloudEvents 1.0. */
import { batchAnswerSchema, limits, problemSchema, resultSchema, schema } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import {
  checkBinaryCloudEvent,
  checkCloudEvent,
  isBinaryMode,
} from "../../core/event/cloudevents.ts";
import { readBody } from "../../core/event/element.ts";
import { scanSingle, splitArray } from "../../core/event/json-scan.ts";
import type { Checked, Receipt } from "../../core/event/record.ts";
import type { Route, RouteReply, RouteRequest } from "../../core/ports/route.ts";
import { type AcceptContext, acceptMany, acceptOne, admit, batchReply } from "./accept.ts";
import { batchElements, mediaType, problemResponses, wellFormed } from "./native-routes.ts";

const structured = "application/cloudevents+json";
const batched = "application/cloudevents-batch+json";
const entryPoint = "cloudevents";

export function cloudEventsRoutes(context: AcceptContext): Route[] {
  const route: Route = {
    method: "POST",
    path: "/cloudevents",
    view: "events.cloudevents_ingest",
    access: "permission",
    summary: "Send CloudEvents 1.0: structured, binary or batched",
    // in binary mode the body is the data, of whatever type
    body: {
      kind: "bytes",
      contentTypes: [structured, batched, "*/*"],
      description: "A CloudEvent, an array of them, or (with ce- headers) the data of one.",
    },
    responses: {
      ...problemResponses,
      202: {
        description: "Committed. A batch: at least one event was taken.",
        schema: schema.unknown({ anyOf: [resultSchema, batchAnswerSchema] }),
      },
      409: { description: "Same source and id, other content.", schema: problemSchema },
      422: {
        description: "The event breaks the contract. A batch: no event was taken.",
        schema: schema.unknown({ anyOf: [problemSchema, batchAnswerSchema] }),
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
  const bytes = request.body as Buffer;
  return checkCloudEvent(readBody(bytes), wellFormed(scanSingle(bytes)), receipt);
}

function binaryEvent(request: RouteRequest, receipt: Receipt): Checked {
  return checkBinaryCloudEvent(request.body as Buffer, request.headers, receipt);
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
  const elements = batchElements(splitArray(bytes, limits.batchEvents));
  const events = elements.length;
  const { receipt, headers } = await admit(context, request, { entryPoint, events });
  const body = readBody(bytes);
  const checked = elements.map((element) => checkCloudEvent(body, element, receipt));
  return batchReply(await acceptMany(context, entryPoint, checked), headers);
}
