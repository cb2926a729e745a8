/** What orders need of the product service, over HTTP. */
import {
  type ServiceClient,
  ServiceRefusedError,
  ServiceUnavailableError,
} from "../foundation/service-client.ts";
import type { CartItem } from "./carts/carts.ts";
import { isAmount } from "./money.ts";
import type { OrderItem } from "./order.ts";

export type Reservation =
  | {
      readonly kind: "reserved";
      readonly expiresAt: Date;
      readonly items: readonly (OrderItem & { readonly currency: string })[];
    }
  /** With the problem of the product service: which items it lacks, or does not know. */
  | {
      readonly kind: "refused";
      readonly code: string;
      readonly detail: string;
      readonly items: unknown;
    };

/** All three may be asked again. They throw a ServiceUnavailableError when it is unknown what happened. */
export interface Products {
  reserve(request: {
    readonly orderId: string;
    readonly items: readonly CartItem[];
    readonly ttlSeconds: number;
  }): Promise<Reservation>;
  /** `expired`: the reservation has ended and its stock is not there any more. */
  confirm(orderId: string): Promise<"confirmed" | "expired">;
  release(orderId: string): Promise<void>;
}

export function createProducts(client: ServiceClient): Products {
  async function post(path: string, body?: unknown): Promise<{ readonly body: unknown }> {
    const about = body === undefined ? {} : { body };
    try {
      return await client.request({ method: "POST", path, idempotent: true, ...about });
    } catch (error) {
      // a refused token or too many requests say nothing about the order, and pass
      const passes = [401, 403, 408, 429].includes(refusalIn(error)?.status ?? 0);
      if (passes) throw new ServiceUnavailableError("products", String(error), { cause: error });
      throw error;
    }
  }

  return {
    async reserve({ orderId, items, ttlSeconds }) {
      try {
        const { body } = await post("/reservations", {
          order_id: orderId,
          items,
          ttl_seconds: ttlSeconds,
        });
        return parseReservation(body, items);
      } catch (error) {
        const refusal = refusalIn(error);
        if (refusal === undefined) throw error;
        const { code, problem } = refusal;
        const detail = String(problem["detail"] ?? problem["title"] ?? code);
        return { kind: "refused", code, detail, items: problem["items"] };
      }
    },
    async confirm(orderId) {
      try {
        await post(`/reservations/${orderId}/confirm`);
        return "confirmed";
      } catch (error) {
        const refusal = refusalIn(error);
        // a reservation that does not exist any more is one that has expired
        const { code = "", status } = refusal ?? {};
        if (/^reservation_(expired|released)$/.test(code) || status === 404) return "expired";
        throw error;
      }
    },
    async release(orderId) {
      try {
        await post(`/reservations/${orderId}/release`);
      } catch (error) {
        if (refusalIn(error)?.status !== 404) throw error;
      }
    },
  };
}

/** A refusal of what was asked; undefined for other errors. */
function refusalIn(error: unknown): ServiceRefusedError | undefined {
  return error instanceof ServiceRefusedError ? error : undefined;
}

/** Trusts nothing: a wrong answer would become the price of an order. */
function parseReservation(body: unknown, wanted: readonly CartItem[]): Reservation {
  const { expires_at, items } = Object(body) as Readonly<Record<string, unknown>>;
  const expiresAt = new Date(String(expires_at));
  const found = Array.isArray(items) ? items.map(parseItem) : [];
  const isComplete =
    found.length === wanted.length &&
    wanted.every(({ product_id, quantity }) =>
      found.some((item) => item?.product_id === product_id && item.quantity === quantity),
    );
  const parsed = found.filter((item) => item !== undefined);
  if (!isComplete || parsed.length !== found.length || Number.isNaN(expiresAt.getTime())) {
    throw new ServiceUnavailableError("products", "its reservation is not as agreed");
  }
  return { kind: "reserved", expiresAt, items: parsed };
}

function parseItem(value: unknown): (OrderItem & { readonly currency: string }) | undefined {
  const item = Object(value) as Readonly<Record<string, unknown>>;
  const { product_id, quantity, name, category, price, currency } = item;
  const isText = [product_id, name, category, price, currency].every(
    (member) => typeof member === "string",
  );
  if (!isText || typeof quantity !== "number" || !Number.isSafeInteger(quantity)) return undefined;
  if (!isAmount(String(price)) || !/^[A-Z]{3}$/.test(String(currency))) return undefined;
  return { product_id, name, category, quantity, price, currency } as OrderItem & {
    readonly currency: string;
  };
}
