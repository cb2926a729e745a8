import { cursorPattern, type Infer, schema as s } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import type { OpenDestination } from "../../core/ports/destination.ts";
import type { Route, RouteRequest } from "../../core/ports/route.ts";
import { pauseSubscription, resumeSubscription } from "./change-state.ts";
import {
  type Changing,
  createSubscription,
  deleteSubscription,
  replayEvents,
  rotateSecret,
  updateSubscription,
} from "./changes.ts";
import {
  createdSchema,
  deliverySchema,
  deliveryStates,
  type NewSubscription,
  newSubscriptionSchema,
  replaySchema,
  type SubscriptionChange,
  secretSchema,
  subscriptionChangeSchema,
  subscriptionSchema,
  testedSchema,
  wholeSubscriptionSchema,
} from "./schemas.ts";
import { sendTest } from "./send-test.ts";
import { findSubscription, listDeliveries, listSubscriptions, readSubscription } from "./views.ts";

export interface DeliveryRoutesOptions extends Omit<Changing, "actor"> {
  readonly openDestination: OpenDestination;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const byId = {
  id: s.string({
    pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
    description: "Its id or its name.",
  }),
};
const cursor = s.string({
  pattern: cursorPattern,
  maxLength: 200,
  description: "`next` of the previous page of results.",
});
const limit = s.integer({ minimum: 1, maximum: 200, default: 50 });
const instant = s.string({ maxLength: 64, examples: ["2027-01-31T12:00:00Z"] });
const overlapHours = { default: 24, max: 168 } as const;

const rotationSchema = s.object({
  overlap_hours: s.optional(
    s.number({
      minimum: 0,
      maximum: overlapHours.max,
      default: overlapHours.default,
      description: "For how long the previous secret signs too.",
    }),
  ),
});
const periodSchema = s.object(
  { from: instant, to: s.optional(instant) },
  { examples: [{ from: "2027-01-31T12:00:00Z", to: "2027-01-31T13:00:00Z" }] },
);
const emptyBody = s.object({});

/** Subscriptions: create, read, change, test, pause, resume, replay, rotate; the delivery log. */
export function deliveryRoutes(options: DeliveryRoutesOptions): Route[] {
  return [...readRoutes(options), ...changeRoutes(options), ...actionRoutes(options)];
}

function changeOf(options: DeliveryRoutesOptions, { principal }: RouteRequest): Changing {
  return { ...options, actor: `${principal.service}/${principal.keyId}` };
}

const idOf = ({ database }: DeliveryRoutesOptions, { params }: RouteRequest) =>
  findSubscription(database, params["id"] ?? "");

function writeCursor(key: string | null): string | null {
  return key === null ? null : Buffer.from(key).toString("base64url");
}

/** @throws WeirError `unanswerable_query` */
function readCursor(text: unknown, pattern: RegExp): string | undefined {
  if (text === undefined) return undefined;
  const key = Buffer.from(String(text), "base64url").toString("utf8");
  if (pattern.test(key)) return key;
  throw new WeirError("unanswerable_query", {
    detail: "cursor: is not a `next` of this list; leave it out to start over",
  });
}

function readRoutes(options: DeliveryRoutesOptions): Route[] {
  const { database } = options;
  return [
    {
      method: "GET",
      path: "/api/subscriptions",
      view: "deliveries.subscription_list",
      access: "permission",
      summary: "List subscriptions by name.",
      query: { cursor, limit },
      errors: ["unanswerable_query"],
      responses: {
        200: {
          description: "A page of subscriptions.",
          schema: s.object({ items: s.array(subscriptionSchema), next: s.nullable(s.string()) }),
        },
      },
      async handle({ query }) {
        const after = readCursor(query["cursor"], /^[a-z0-9][a-z0-9._-]{0,63}$/);
        const page = await listSubscriptions(database, {
          limit: Number(query["limit"] ?? 50),
          after,
        });
        return { status: 200, body: { ...page, next: writeCursor(page.next) } };
      },
    },
    {
      method: "GET",
      path: "/api/subscriptions/:id",
      view: "deliveries.subscription_get",
      access: "permission",
      summary: "Get a subscription with its counts and its replays.",
      params: byId,
      errors: ["not_found"],
      responses: { 200: { description: "The subscription.", schema: wholeSubscriptionSchema } },
      handle: async (request) => ({
        status: 200,
        body: await readSubscription(database, await idOf(options, request)),
      }),
    },
    {
      method: "GET",
      path: "/api/subscriptions/:id/deliveries",
      view: "deliveries.delivery_list",
      access: "permission",
      summary: "The delivery log, newest first: request, answers and latency of each attempt.",
      params: byId,
      query: { cursor, limit, state: s.oneOf(deliveryStates) },
      errors: ["not_found", "unanswerable_query"],
      responses: {
        200: {
          description: "A page of deliveries.",
          schema: s.object({ items: s.array(deliverySchema), next: s.nullable(s.string()) }),
        },
      },
      async handle(request) {
        const { query } = request;
        const before = readCursor(query["cursor"], /^[1-9]\d{0,17}$/);
        const subscription = await readSubscription(database, await idOf(options, request));
        const page = await listDeliveries(database, subscription, {
          limit: Number(query["limit"] ?? 50),
          state: query["state"] as string | undefined,
          before,
        });
        return { status: 200, body: { ...page, next: writeCursor(page.next) } };
      },
    },
  ];
}

function changeRoutes(options: DeliveryRoutesOptions): Route[] {
  const { database } = options;
  return [
    {
      method: "POST",
      path: "/api/subscriptions",
      view: "deliveries.subscription_create",
      access: "permission",
      summary: "Create a subscription. Its secret is in this answer only.",
      body: { kind: "json", schema: newSubscriptionSchema },
      errors: ["invalid_request", "already_exists", "destination_refused"],
      responses: {
        201: {
          description: "The subscription and its secret.",
          schema: createdSchema,
          headers: { Location: s.string({ description: "Address of the subscription." }) },
        },
      },
      async handle(request) {
        const change = changeOf(options, request);
        const made = await createSubscription(change, request.body as NewSubscription);
        const subscription = await readSubscription(database, made.id);
        const headers = { location: `/api/subscriptions/${made.id}` };
        return { status: 201, headers, body: { subscription, secret: made.secret } };
      },
    },
    {
      method: "PATCH",
      path: "/api/subscriptions/:id",
      view: "deliveries.subscription_update",
      access: "permission",
      summary: "Change a subscription. What is left out stays.",
      params: byId,
      body: { kind: "json", schema: subscriptionChangeSchema },
      errors: ["not_found", "invalid_request", "already_exists", "destination_refused"],
      responses: { 200: { description: "The subscription.", schema: wholeSubscriptionSchema } },
      async handle(request) {
        const id = await idOf(options, request);
        const change = request.body as SubscriptionChange;
        await updateSubscription(changeOf(options, request), id, change);
        return { status: 200, body: await readSubscription(database, id) };
      },
    },
    {
      method: "DELETE",
      path: "/api/subscriptions/:id",
      view: "deliveries.subscription_delete",
      access: "permission",
      summary: "Delete a subscription with its delivery log.",
      params: byId,
      errors: ["not_found"],
      responses: { 204: { description: "It is deleted." } },
      async handle(request) {
        await deleteSubscription(changeOf(options, request), await idOf(options, request));
        return { status: 204 };
      },
    },
  ];
}

function actionRoutes(options: DeliveryRoutesOptions): Route[] {
  const { database } = options;
  const action = (name: string) => ({
    method: "POST" as const,
    path: `/api/subscriptions/:id/${name}`,
    view: `deliveries.subscription_${name}` as const,
    access: "permission" as const,
    params: byId,
  });
  return [
    {
      ...action("test"),
      summary: "Send one test event at once, without retries.",
      body: { kind: "json", schema: emptyBody },
      errors: ["not_found"],
      responses: { 200: { description: "What the receiver answered.", schema: testedSchema } },
      async handle(request) {
        const subscription = await readSubscription(database, await idOf(options, request));
        return { status: 200, body: await sendTest(options, subscription, request.signal) };
      },
    },
    {
      ...action("rotate"),
      summary: "Make a new secret. The previous one signs too for some hours.",
      body: { kind: "json", schema: rotationSchema },
      errors: ["not_found"],
      responses: { 200: { description: "The new secret.", schema: secretSchema } },
      async handle(request) {
        const id = await idOf(options, request);
        const { overlap_hours: hours = overlapHours.default } = request.body as Infer<
          typeof rotationSchema
        >;
        const secret = await rotateSecret(changeOf(options, request), id, hours);
        return { status: 200, body: { secret, overlap_hours: hours } };
      },
    },
    {
      ...action("pause"),
      summary: "Pause a subscription. Events are kept for it in the raw log.",
      body: { kind: "json", schema: emptyBody },
      errors: ["not_found"],
      responses: { 200: { description: "The subscription.", schema: wholeSubscriptionSchema } },
      async handle(request) {
        const id = await idOf(options, request);
        const change = changeOf(options, request);
        await pauseSubscription(change, id, { reason: `paused by ${change.actor}` });
        return { status: 200, body: await readSubscription(database, id) };
      },
    },
    {
      ...action("resume"),
      summary: "Resume a subscription with the events since the pause.",
      body: { kind: "json", schema: emptyBody },
      errors: ["not_found"],
      responses: { 200: { description: "The subscription.", schema: wholeSubscriptionSchema } },
      async handle(request) {
        const id = await idOf(options, request);
        await resumeSubscription(changeOf(options, request), id);
        return { status: 200, body: await readSubscription(database, id) };
      },
    },
    {
      ...action("replay"),
      summary: "Deliver events again that were received in a period.",
      body: { kind: "json", schema: periodSchema },
      errors: ["not_found", "invalid_request"],
      responses: { 202: { description: "The replay has begun.", schema: replaySchema } },
      async handle(request) {
        const id = await idOf(options, request);
        const period = request.body as Infer<typeof periodSchema>;
        return { status: 202, body: await replayEvents(changeOf(options, request), id, period) };
      },
    },
  ];
}
