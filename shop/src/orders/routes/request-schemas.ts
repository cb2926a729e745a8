/** What requests must look like (JSON Schema, strict: unknown members are refused). */
import { maxQuantity } from "../carts/carts.ts";

const uuid = { type: "string", format: "uuid" } as const;
const productId = { type: "string", minLength: 1, maxLength: 64 } as const;
const personId = { type: "string", minLength: 1, maxLength: 200 } as const;

function object(
  properties: Readonly<Record<string, unknown>>,
  required: readonly string[] = Object.keys(properties),
): Readonly<Record<string, unknown>> {
  return { type: "object", additionalProperties: false, properties, required };
}

export const cartParams = object({ id: uuid });
export const cartItemParams = object({ id: uuid, product_id: productId });
export const cartItemBody = object({
  quantity: { type: "integer", minimum: 0, maximum: maxQuantity },
});

export const checkoutBody = object(
  {
    cart_id: uuid,
    user_id: personId,
    anonymous_id: personId,
    session_id: personId,
    email: { type: "string", format: "email", maxLength: 254 },
    language: { enum: ["en", "tr"] },
    payment: object({
      method: { enum: ["card"] },
      simulate: { enum: ["success", "decline", "time_out"] },
    }),
  },
  ["cart_id", "user_id", "email", "language", "payment"],
);

export const orderParams = object({ id: uuid });
export const orderQuery = object({ user_id: personId }, []);
export const orderListQuery = object(
  {
    user_id: personId,
    after: { type: "string", minLength: 1, maxLength: 200 },
    limit: { type: "integer", minimum: 1, maximum: 100, default: 20 },
  },
  ["user_id"],
);
