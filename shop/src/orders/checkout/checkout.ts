/** A checkout as it is stored: one row, which every process reads before it takes the next step. */
import type { CartItem } from "../carts/carts.ts";

/**
 * What is done next. Each step asks one other system something that may be asked twice, and stores the
 * answer together with the next step, so that a process that dies anywhere leaves a row that another one
 * can continue from.
 */
export type Step =
  /** Ask the product service for the stock; then the order is created. */
  | "reserving"
  /** Ask the payment provider for the money. */
  | "paying"
  /** Ask the product service to make the reservation final; then the order is paid. */
  | "confirming"
  /** Ask the payment provider to undo whatever it may have done; then the order is cancelled. */
  | "voiding"
  /** Give the stock back. The client has its answer already. */
  | "releasing"
  | "done";

export interface CheckoutRequest {
  readonly cart_id: string;
  readonly user_id: string;
  readonly anonymous_id?: string;
  readonly session_id?: string;
  readonly email: string;
  readonly language: "en" | "tr";
  readonly payment: {
    readonly method: "card";
    readonly simulate: "success" | "decline" | "time_out";
  };
}

/** What the client gets, now and for each repetition of the request. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export interface Checkout {
  readonly orderId: string;
  readonly request: CheckoutRequest;
  readonly items: readonly CartItem[];
  readonly step: Step;
  readonly reason: string | undefined;
  /** Increases with each process that takes the checkout. */
  readonly run: number;
  /** How often it could not continue because another system was down. */
  readonly failures: number;
  readonly reservationExpiresAt: Date | undefined;
  readonly answer: Answer | undefined;
}

export interface CheckoutRow {
  readonly order_id: string;
  readonly request: CheckoutRequest;
  readonly items: readonly CartItem[];
  readonly step: Step;
  readonly reason: string | null;
  readonly run: number;
  readonly failures: number;
  readonly reservation_expires_at: Date | null;
  readonly answer_status: number | null;
  readonly answer_body: unknown;
}

export const checkoutColumns =
  "order_id, request, items, step, reason, run, failures, reservation_expires_at, answer_status, answer_body";

export function checkoutOf(row: CheckoutRow): Checkout {
  return {
    orderId: row.order_id,
    request: row.request,
    items: row.items,
    step: row.step,
    reason: row.reason ?? undefined,
    run: row.run,
    failures: row.failures,
    reservationExpiresAt: row.reservation_expires_at ?? undefined,
    answer:
      row.answer_status === null ? undefined : { status: row.answer_status, body: row.answer_body },
  };
}
