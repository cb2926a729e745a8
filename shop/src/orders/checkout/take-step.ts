/** The steps of a checkout: each asks one other system, then stores what follows in one transaction. */
import type { Database } from "../../foundation/database.ts";
import { problemBody } from "../../foundation/failures.ts";
import type { ProblemKind } from "../../foundation/problems.ts";
import { takeFromCart } from "../carts/carts.ts";
import { totalOf } from "../money.ts";
import { type Order, readOrder } from "../order.ts";
import { insertOrder, moveOrder } from "../order-store.ts";
import type { Payments } from "../payments.ts";
import { orderProblems } from "../problem-kinds.ts";
import type { Products, Reservation } from "../products.ts";
import type { Answer, Checkout, Step } from "./checkout.ts";
import { endReleasing, holdCheckout, type StepChange, storeStep } from "./checkout-store.ts";

export interface StepPorts {
  readonly database: Database;
  readonly products: Products;
  readonly payments: Payments;
  readonly now: () => Date;
}

export interface StepLimits {
  /** How long the process may be silent before another one continues. */
  readonly leaseMs: number;
  /** How long a payment may take. */
  readonly paymentMs: number;
  readonly reservationSeconds: number;
}

export type TakeStep = (checkout: Checkout) => Promise<Checkout>;

/** Why a checkout ended without a paid order: the answer for the client. */
const failures: Readonly<Record<string, { readonly kind: ProblemKind; readonly detail: string }>> =
  {
    payment_declined: {
      kind: orderProblems.payment_declined,
      detail: "The payment was declined. Nothing was charged, and the order is cancelled.",
    },
    payment_timed_out: {
      kind: orderProblems.payment_timed_out,
      detail: "The payment took too long. It is undone, and the order is cancelled.",
    },
    reservation_expired: {
      kind: orderProblems.reservation_expired,
      detail: "The reservation ended before the payment. It is undone, and the order is cancelled.",
    },
  };

/** Throws a ServiceUnavailableError while another system is down, and a LeaseLostError. */
export function createTakeStep(ports: StepPorts, limits: StepLimits): TakeStep {
  const { database, products, payments, now } = ports;
  const { leaseMs } = limits;

  const store = (checkout: Checkout, change: StepChange): Promise<Checkout> =>
    storeStep(database, checkout, { ...change, leaseMs });

  async function reserve(checkout: Checkout): Promise<Checkout> {
    const { orderId, items } = checkout;
    const ttlSeconds = limits.reservationSeconds;
    const reservation = await products.reserve({ orderId, items, ttlSeconds });
    if (reservation.kind === "refused") {
      return store(checkout, { step: "done", answer: refusalAnswer(reservation) });
    }
    const [currency = "", ...others] = new Set(reservation.items.map((item) => item.currency));
    if (others.length > 0) {
      const detail = "The products of a cart must have one currency.";
      const answer = problemAnswer(orderProblems.mixed_currencies, detail);
      return store(checkout, { step: "releasing", reason: "mixed_currencies", answer });
    }
    return database.transaction(async (connection) => {
      const next = await storeStep(connection, checkout, {
        step: "paying",
        reservationExpiresAt: reservation.expiresAt,
        leaseMs,
      });
      await createOrder(checkout, { reservation, currency, connection });
      return next;
    });
  }

  async function createOrder(
    { orderId, request }: Checkout,
    about: {
      readonly reservation: Extract<Reservation, { readonly kind: "reserved" }>;
      readonly currency: string;
      readonly connection: Parameters<typeof insertOrder>[0];
    },
  ): Promise<void> {
    const items = about.reservation.items.map(({ currency: _, ...item }) => item);
    await insertOrder(about.connection, {
      id: orderId,
      user_id: request.user_id,
      anonymous_id: request.anonymous_id ?? null,
      session_id: request.session_id ?? null,
      email: request.email,
      language: request.language,
      items,
      total: totalOf(items),
      currency: about.currency,
      at: now(),
    });
  }

  async function pay(checkout: Checkout): Promise<Checkout> {
    const expiresAt = checkout.reservationExpiresAt;
    if (expiresAt !== undefined && expiresAt <= now()) {
      return store(checkout, { step: "voiding", reason: "reservation_expired" });
    }
    const { order } = await orderOf(checkout);
    const limit = AbortSignal.timeout(limits.paymentMs);
    const { simulate } = checkout.request.payment;
    const charge = { orderId: order.id, amount: order.total, currency: order.currency, simulate };
    let outcome: "charged" | "declined";
    try {
      outcome = await payments.charge(charge, limit);
    } catch (error) {
      if (!limit.aborted) throw error;
      return store(checkout, { step: "voiding", reason: "payment_timed_out" });
    }
    if (outcome === "declined") return cancel(checkout, "payment_declined");
    return store(checkout, { step: "confirming" });
  }

  async function confirm(checkout: Checkout): Promise<Checkout> {
    if ((await products.confirm(checkout.orderId)) === "expired") {
      return store(checkout, { step: "voiding", reason: "reservation_expired" });
    }
    return database.transaction(async (connection) => {
      await holdCheckout(connection, checkout);
      const move = { id: checkout.orderId, from: "created", to: "paid", at: now() } as const;
      const paid = await moveOrder(connection, move);
      if (paid === undefined) throw new Error(`Order ${checkout.orderId} left created by itself.`);
      await takeFromCart(connection, checkout.request.cart_id, checkout.items);
      const answer = { status: 201, body: paid.order };
      return storeStep(connection, checkout, { step: "done", answer, leaseMs });
    });
  }

  async function voidPayment(checkout: Checkout): Promise<Checkout> {
    await payments.voidCharge(checkout.orderId);
    return cancel(checkout, checkout.reason ?? "payment_timed_out");
  }

  async function cancel(checkout: Checkout, reason: string): Promise<Checkout> {
    return database.transaction(async (connection) => {
      await holdCheckout(connection, checkout);
      const move = { id: checkout.orderId, from: "created", to: "cancelled", reason } as const;
      const cancelled = await moveOrder(connection, { ...move, at: now() });
      if (cancelled === undefined)
        throw new Error(`Order ${checkout.orderId} left created by itself.`);
      const answer = failureAnswer(reason, cancelled.order);
      return storeStep(connection, checkout, { step: "releasing", reason, answer, leaseMs });
    });
  }

  async function release(checkout: Checkout): Promise<Checkout> {
    await products.release(checkout.orderId);
    await endReleasing(database, checkout);
    return { ...checkout, step: "done" };
  }

  async function orderOf({ orderId }: Checkout): Promise<{ readonly order: Order }> {
    const stored = await readOrder(database, orderId);
    if (stored === undefined) throw new Error(`Checkout ${orderId} has no order.`);
    return stored;
  }

  const steps: Readonly<Record<Exclude<Step, "done">, TakeStep>> = {
    reserving: reserve,
    paying: pay,
    confirming: confirm,
    voiding: voidPayment,
    releasing: release,
  };
  return async (checkout) => (checkout.step === "done" ? checkout : steps[checkout.step](checkout));
}

function refusalAnswer(refusal: Extract<Reservation, { readonly kind: "refused" }>): Answer {
  const kind =
    refusal.code === "out_of_stock"
      ? orderProblems.out_of_stock
      : orderProblems.product_unavailable;
  return problemAnswer(
    kind,
    refusal.detail,
    refusal.items === undefined ? {} : { items: refusal.items },
  );
}

function failureAnswer(reason: string, order: Order): Answer {
  const failure = failures[reason];
  if (failure === undefined) throw new Error(`There is no answer for ${reason}.`);
  return problemAnswer(failure.kind, failure.detail, { order_id: order.id });
}

function problemAnswer(
  kind: ProblemKind,
  detail: string,
  members: Readonly<Record<string, unknown>> = {},
): Answer {
  return { status: kind.status, body: problemBody(kind, detail, members) };
}
