/** The payment provider. This one is a simulation; `Payments` is what another one would implement. */
import { once } from "node:events";
import type { Database } from "../foundation/database.ts";

export interface Charge {
  /** Identifies the charge: asking again never takes money twice. */
  readonly orderId: string;
  readonly amount: string;
  readonly currency: string;
  readonly simulate: "success" | "decline" | "time_out";
}

export interface Payments {
  /** Rejects with the signal's reason; then it is unknown whether money was taken. */
  charge(charge: Charge, signal: AbortSignal): Promise<"charged" | "declined">;
  /** Undoes a charge, and makes sure that one still under way does not happen. Idempotent. */
  voidCharge(orderId: string): Promise<void>;
  /** Returns the money of a charge. Idempotent. */
  refund(orderId: string): Promise<void>;
}

/**
 * A provider with a ledger of its own, which survives a crash of its client as a real one's does.
 * `time_out` is the worst case of a real one: it takes the money, and the answer never arrives.
 */
export function createSimulatedPayments(database: Database): Payments {
  async function ledgerState(charge: Charge): Promise<string> {
    const state = charge.simulate === "decline" ? "declined" : "charged";
    return database.transaction(async (connection) => {
      await connection.query(
        `insert into simulated_charges (order_id, amount, currency, state) values ($1, $2, $3, $4)
         on conflict (order_id) do nothing`,
        [charge.orderId, charge.amount, charge.currency, state],
      );
      const [row] = await connection.query<{ state: string }>(
        "select state from simulated_charges where order_id = $1",
        [charge.orderId],
      );
      return row?.state ?? "declined";
    });
  }

  return {
    async charge(charge, signal) {
      signal.throwIfAborted();
      const state = await ledgerState(charge);
      if (charge.simulate === "time_out") {
        if (!signal.aborted) await once(signal, "abort");
        throw signal.reason;
      }
      return state === "charged" ? "charged" : "declined";
    },
    async voidCharge(orderId) {
      await database.query(
        `insert into simulated_charges (order_id, state) values ($1, 'voided')
         on conflict (order_id) do update set state = 'voided', changed_at = now()
         where simulated_charges.state = 'charged'`,
        [orderId],
      );
    },
    async refund(orderId) {
      await database.query(
        `update simulated_charges set state = 'refunded', changed_at = now()
         where order_id = $1 and state = 'charged'`,
        [orderId],
      );
    },
  };
}
