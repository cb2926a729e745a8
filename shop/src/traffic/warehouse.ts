/** What the shop's staff does with a paid order: sends it, hears that it arrived, and gives the money back if it returns. */
import type { ServiceClient } from "../foundation/service-client.ts";

export async function handleOrder(
  orders: ServiceClient,
  orderId: string,
  { returns, pause }: { readonly returns: boolean; readonly pause: () => Promise<void> },
): Promise<void> {
  for (const action of ["ship", "deliver", ...(returns ? ["refund"] : [])]) {
    await pause();
    const path = `/orders/${encodeURIComponent(orderId)}/${action}`;
    await orders.request({ method: "POST", path, body: {} });
  }
}
