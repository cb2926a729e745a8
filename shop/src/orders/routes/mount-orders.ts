import { decodeCursor, encodeCursor } from "../../foundation/cursor.ts";
import type { Database } from "../../foundation/database.ts";
import type { App } from "../../foundation/http-app.ts";
import { Problem, problemKinds } from "../../foundation/problems.ts";
import { listOrders, readOrder } from "../order.ts";
import { orderActions } from "../order-states.ts";
import { actOnOrder } from "../order-store.ts";
import { orderProblems } from "../problem-kinds.ts";
import { orderListQuery, orderParams, orderQuery } from "./request-schemas.ts";

interface OrdersOptions {
  readonly database: Database;
  readonly now: () => Date;
  /** Called after a transition: messages were written. */
  readonly onChange: () => void;
}

export function mountOrders(app: App, { database, now, onChange }: OrdersOptions): void {
  app.get<{ Params: { readonly id: string }; Querystring: { readonly user_id?: string } }>(
    "/orders/:id",
    { schema: { params: orderParams, querystring: orderQuery } },
    async ({ params, query }) => {
      const stored = await readOrder(database, params.id);
      // another user's order does not exist for this one
      const isTheirs = query.user_id === undefined || stored?.order.user_id === query.user_id;
      if (stored === undefined || !isTheirs) throw notFound();
      return stored.order;
    },
  );

  app.get<{
    Querystring: { readonly user_id: string; readonly after?: string; readonly limit: number };
  }>("/orders", { schema: { querystring: orderListQuery } }, async ({ query }) => {
    const scope = ["orders", query.user_id];
    const [after] = query.after === undefined ? [] : decodeCursor(scope, query.after);
    const page = { userId: query.user_id, after: after?.toString(), limit: query.limit + 1 };
    const orders = await listOrders(database, page);
    const items = orders.slice(0, query.limit);
    const last = items.at(-1);
    const hasMore = orders.length > items.length && last !== undefined;
    return { items, next: hasMore ? encodeCursor(scope, [last.id]) : null };
  });

  for (const action of orderActions) {
    app.post<{ Params: { readonly id: string } }>(
      `/orders/:id/${action}`,
      { schema: { params: orderParams } },
      async ({ params }) => {
        const result = await actOnOrder(database, { id: params.id, action, at: now() });
        if (result.kind === "not_found") throw notFound();
        if (result.kind === "done") {
          onChange();
          return result.order;
        }
        const { state, allowed } = result;
        const possible = allowed.length === 0 ? "nothing" : allowed.join(", ");
        throw new Problem(
          orderProblems.transition_not_allowed,
          `An order that is ${state} cannot be changed by ${action}. Allowed: ${possible}.`,
          { state, allowed },
        );
      },
    );
  }
}

function notFound(): Problem {
  return new Problem(problemKinds.not_found, "There is no such order.");
}
