import type { App } from "../foundation/http-app.ts";
import { requireCaller } from "../foundation/tokens.ts";
import type { RouteParts } from "./product-routes.ts";
import {
  confirm,
  type Outcome,
  type ReservationRequest,
  release,
  reserve,
} from "./reservations.ts";

const orderId = {
  type: "string",
  pattern: "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
};

const reservationBody = {
  type: "object",
  required: ["order_id", "items"],
  additionalProperties: false,
  properties: {
    order_id: orderId,
    items: {
      type: "array",
      minItems: 1,
      maxItems: 100,
      items: {
        type: "object",
        required: ["product_id", "quantity"],
        additionalProperties: false,
        properties: {
          product_id: { type: "string", minLength: 1, maxLength: 64 },
          quantity: { type: "integer", minimum: 1, maximum: 1_000 },
        },
      },
    },
    ttl_seconds: { type: "integer", minimum: 1, maximum: 86_400, default: 900 },
  },
};

interface ByOrder {
  readonly Params: { readonly order_id: string };
}

/** Reservations, for the order service alone. */
export function mountReservations(app: App, parts: RouteParts): void {
  const { database, cache, events } = parts;
  const onRequest = requireCaller(parts.tokens, ["orders"]);
  const params = { type: "object", properties: { order_id: orderId } };

  /** After the commit: the stock that readers see changes. */
  async function publish<T>({ result, changes }: Outcome<T>): Promise<T> {
    await cache.invalidate(changes.map(({ id, version }) => ({ key: id, version })));
    return result;
  }

  app.post<{ Body: ReservationRequest }>(
    "/reservations",
    { onRequest, schema: { body: reservationBody } },
    async ({ body }, reply) => {
      const outcome = await reserve(database, body);
      events.stockTaken(outcome.changes);
      return reply.code(201).send(await publish(outcome));
    },
  );

  app.post<ByOrder>(
    "/reservations/:order_id/confirm",
    { onRequest, schema: { params } },
    async ({ params: { order_id } }) => publish(await confirm(database, order_id)),
  );

  app.post<ByOrder>(
    "/reservations/:order_id/release",
    { onRequest, schema: { params } },
    async ({ params: { order_id } }) => publish(await release(database, order_id)),
  );
}
