/** The messages about orders: their types, and their data by `schemas/order.v1.json`. */
import { Ajv, type ValidateFunction } from "ajv";
import { UnprocessableMessage } from "./bus.ts";
import type { CloudEvent } from "./cloud-event.ts";
import orderSchema from "./schemas/order.v1.json" with { type: "json" };

export const orderEventTypes = [
  "shop.order.created.v1",
  "shop.order.paid.v1",
  "shop.order.shipped.v1",
  "shop.order.delivered.v1",
  "shop.order.cancelled.v1",
  "shop.order.refunded.v1",
  "shop.order.payment_failed.v1",
] as const;

export type OrderEventType = (typeof orderEventTypes)[number];

/** The data of a message: the order as it is after the event. Amounts are decimal strings. */
export interface OrderData {
  readonly id: string;
  readonly user_id: string;
  readonly email: string;
  readonly language: "en" | "tr";
  readonly state: string;
  readonly items: readonly {
    readonly product_id: string;
    readonly name: string;
    readonly category: string;
    readonly quantity: number;
    readonly price: string;
  }[];
  readonly total: string;
  readonly currency: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly history?: readonly { readonly state: string; readonly at: string }[];
}

export interface OrderEventParts {
  readonly id: string;
  readonly type: OrderEventType;
  readonly time: Date;
  readonly order: OrderData;
}

export function orderEvent({ id, type, time, order }: OrderEventParts): CloudEvent<OrderData> {
  return {
    specversion: "1.0",
    id,
    source: "/shop/orders",
    type,
    subject: order.id,
    time: time.toISOString(),
    datacontenttype: "application/json",
    dataschema: orderSchema.$id,
    data: order,
  };
}

let validate: ValidateFunction<OrderData> | undefined;

/** The order of a message. @throws UnprocessableMessage that says what is wrong */
export function readOrder(message: CloudEvent): OrderData {
  validate ??= new Ajv({ strict: true }).compile<OrderData>(orderSchema);
  const { data } = message;
  if (validate(data)) return data;
  const [first] = validate.errors ?? [];
  const where = `data${first?.instancePath ?? ""}`;
  throw new UnprocessableMessage(`${message.type}: ${where} ${first?.message ?? "is not valid"}`);
}
