/** Bodies and answers of the entry points, for the API document. */
import { limits, type Schema, schema } from "@weir/protocol";
import { cloudEventSchema } from "../../core/event/cloudevents.ts";
import { type SegmentType, segmentMessageSchema } from "../../core/event/segment.ts";

const { array, object, optional, string, unknown } = schema;

/** On every answer that counted events against the key's rate. */
export const rateLimitHeaders = {
  RateLimit: string({ description: "Events left, and seconds until all are." }),
  "RateLimit-Policy": string({ description: "Burst size, and its time in seconds." }),
};

export const cloudEventBatchSchema = array(cloudEventSchema, {
  minItems: 1,
  maxItems: limits.batchEvents,
});

const nameOfEvent = { required: ["event"] };
const writeKey = {
  description: "The API key as a text; not read if a header has one.",
  "x-ignored": true,
};

/** Of `/v1/<type>`. */
export function segmentCallSchema(type: SegmentType): Schema<unknown> {
  const { $id: _, properties, ...message } = segmentMessageSchema;
  const required = type === "track" ? ["event"] : [];
  return {
    ...message,
    properties: { ...(properties as object), writeKey },
    required,
    examples: [{ userId: "user123", event: "Order Completed", properties: { revenue: 42 } }],
  };
}

/** Of `/v1/batch`. Each message names its type, and a track message its event. */
export const segmentBatchSchema = object(
  {
    batch: array(
      {
        allOf: [
          segmentMessageSchema,
          {
            type: "object",
            required: ["type"],
            if: { properties: { type: { const: "track" } } },
            // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
            then: nameOfEvent,
          },
        ],
      } as Schema<unknown>,
      { minItems: 1, maxItems: limits.batchEvents },
    ),
    writeKey: optional(unknown(writeKey)),
  },
  {
    // members of the envelope are not stored
    patternProperties: { ".*": true },
    examples: [{ batch: [{ type: "track", event: "Product Viewed", userId: "user123" }] }],
  },
);
