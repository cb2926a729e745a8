import type { ProblemKind } from "../foundation/problems.ts";

/** What only the order service answers. */
export const orderProblems = {
  idempotency_key_reused: {
    code: "idempotency_key_reused",
    status: 422,
    title: "The Idempotency-Key belongs to another request",
  },
  checkout_in_progress: {
    code: "checkout_in_progress",
    status: 409,
    title: "A checkout is in progress",
  },
  cart_empty: { code: "cart_empty", status: 422, title: "The cart is empty" },
  cart_full: { code: "cart_full", status: 422, title: "The cart is full" },
  out_of_stock: { code: "out_of_stock", status: 409, title: "Out of stock" },
  product_unavailable: {
    code: "product_unavailable",
    status: 422,
    title: "A product cannot be bought",
  },
  mixed_currencies: { code: "mixed_currencies", status: 422, title: "Several currencies" },
  payment_declined: { code: "payment_declined", status: 422, title: "Payment declined" },
  payment_timed_out: { code: "payment_timed_out", status: 422, title: "Payment timed out" },
  reservation_expired: { code: "reservation_expired", status: 409, title: "Reservation expired" },
  transition_not_allowed: {
    code: "transition_not_allowed",
    status: 409,
    title: "Not allowed in this state",
  },
} as const satisfies Record<string, ProblemKind>;
