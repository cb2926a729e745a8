import { problemBody, problemType } from "../../foundation/failures.ts";
import type { App, Reply } from "../../foundation/http-app.ts";
import { Problem, problemKinds } from "../../foundation/problems.ts";
import type { CheckoutRequest } from "../checkout/checkout.ts";
import type { CheckoutResult, Checkouts } from "../checkout/checkouts.ts";
import { orderProblems } from "../problem-kinds.ts";
import { checkoutBody } from "./request-schemas.ts";

/** Printable characters: browsers and proxies pass them on unchanged. */
const keyForm = /^[\x21-\x7e]{1,255}$/;

export function mountCheckouts(
  app: App,
  {
    checkouts,
    handlerTimeoutMs,
  }: { readonly checkouts: Checkouts; readonly handlerTimeoutMs: number },
): void {
  app.post<{ Body: CheckoutRequest }>(
    "/checkouts",
    { schema: { body: checkoutBody }, handlerTimeout: handlerTimeoutMs },
    async ({ headers, body }, reply) => {
      const key = headers["idempotency-key"];
      if (typeof key !== "string" || !keyForm.test(key)) {
        throw new Problem(
          problemKinds.invalid_request,
          "The header Idempotency-Key is missing. Send 1 to 255 printable characters without blanks, the same for each repetition of this checkout.",
        );
      }
      return sendResult(reply, await checkouts.run({ key, request: body }));
    },
  );
}

function sendResult(reply: Reply, result: CheckoutResult): Reply {
  switch (result.kind) {
    case "answered": {
      const { status, body } = result.answer;
      if (result.replayed) reply.header("idempotency-replayed", "true");
      if (status >= 400) reply.type(problemType);
      return reply.code(status).send(body);
    }
    case "running":
    case "cart_in_checkout": {
      const { code, status } = orderProblems.checkout_in_progress;
      const detail =
        result.kind === "running"
          ? "The checkout with this Idempotency-Key has not ended. Send the same request again."
          : `Another checkout of this cart has not ended (${code}).`;
      return reply
        .code(status)
        .header("retry-after", "1")
        .type(problemType)
        .send(problemBody(orderProblems.checkout_in_progress, detail, {}));
    }
    case "key_reused":
      throw new Problem(
        orderProblems.idempotency_key_reused,
        "This Idempotency-Key was sent with another body. Use a new key for a new checkout.",
      );
    case "cart_not_found":
      throw new Problem(problemKinds.not_found, "There is no such cart.");
    case "cart_empty":
      throw new Problem(orderProblems.cart_empty, "Put a product into the cart first.");
  }
}
