import type { Database } from "../foundation/database.ts";
import { removeOldCarts } from "./carts/carts.ts";
import { removeExpired } from "./checkout/checkout-store.ts";
import { removeSent } from "./outbox/outbox-store.ts";

const limit = 1_000;

/** Removes what has outlived its time, in batches; resolves with whether there may be more. */
export async function cleanUp(
  database: Database,
  { outboxKeepMs, cartLifeMs }: { readonly outboxKeepMs: number; readonly cartLifeMs: number },
): Promise<boolean> {
  const removed = [
    await removeExpired(database, limit),
    await removeSent(database, { keepMs: outboxKeepMs, limit }),
    await removeOldCarts(database, { lifeMs: cartLifeMs, limit }),
  ];
  return removed.includes(limit);
}
