import type { Database } from "../../foundation/database.ts";
import type { App } from "../../foundation/http-app.ts";
import { Problem, problemKinds } from "../../foundation/problems.ts";
import { type Cart, createCart, maxCartItems, readCart, setCartItem } from "../carts/carts.ts";
import { orderProblems } from "../problem-kinds.ts";
import { cartItemBody, cartItemParams, cartParams } from "./request-schemas.ts";

export function mountCarts(app: App, database: Database): void {
  app.post("/carts", async (_request, reply) => reply.code(201).send(await createCart(database)));

  app.get<{ Params: { readonly id: string } }>(
    "/carts/:id",
    { schema: { params: cartParams } },
    async ({ params }) => found(await readCart(database, params.id)),
  );

  app.put<{
    Params: { readonly id: string; readonly product_id: string };
    Body: { readonly quantity: number };
  }>(
    "/carts/:id/items/:product_id",
    { schema: { params: cartItemParams, body: cartItemBody } },
    async ({ params, body }) => {
      const { id, product_id: productId } = params;
      const cart = await setCartItem(database, { id, productId, quantity: body.quantity });
      if (cart !== "full") return found(cart === "not_found" ? undefined : cart);
      const detail = `A cart has at most ${maxCartItems} products.`;
      throw new Problem(orderProblems.cart_full, detail);
    },
  );
}

function found(cart: Cart | undefined): Cart {
  if (cart === undefined) throw new Problem(problemKinds.not_found, "There is no such cart.");
  return cart;
}
