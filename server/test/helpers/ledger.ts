import { setTimeout as wait } from "node:timers/promises";

/** What a sender knows of its events, kept outside Weir: sent ids, and those that were acknowledged. */
export interface Ledger {
  readonly sent: Set<string>;
  readonly acknowledged: Set<string>;
}

export interface LedgerDifference {
  readonly lost: readonly string[];
  readonly twice: readonly string[];
  readonly phantoms: readonly string[];
}

/** Compares the ledger with the ids that stand in the raw log. */
export function compareWithLedger(ledger: Ledger, stored: readonly string[]): LedgerDifference {
  const seen = new Set<string>();
  const twice: string[] = [];
  for (const id of stored) {
    if (seen.has(id)) twice.push(id);
    seen.add(id);
  }
  return {
    lost: [...ledger.acknowledged].filter((id) => !seen.has(id)),
    twice,
    phantoms: [...seen].filter((id) => !ledger.sent.has(id)),
  };
}

export interface SenderOptions {
  readonly url: string;
  readonly key: string;
  readonly ledger: Ledger;
  readonly signal: AbortSignal;
  readonly makeId: () => string;
  readonly batch: number;
}

/**
 * Sends batches until aborted; a batch that was not answered is sent again with the same ids, as a
 * careful client does. Only verdicts of an answer that arrived whole count as acknowledged.
 */
export async function sendUntilAborted(options: SenderOptions): Promise<void> {
  const { ledger, signal, makeId } = options;
  while (!signal.aborted) {
    const ids = Array.from({ length: options.batch }, makeId);
    for (const id of ids) ledger.sent.add(id);
    const body = JSON.stringify(
      ids.map((id) => ({
        event_id: id,
        event_type: "product.view",
        user_id: `user-${id.slice(-2)}`,
        product: { id: `product-${id.slice(-1)}`, price: 9.99, currency: "TRY" },
      })),
    );
    let answered = false;
    while (!answered && !signal.aborted) {
      answered = await sendOnce(options, body);
      if (!answered) await wait(20);
    }
  }
}

async function sendOnce({ url, key, ledger }: SenderOptions, body: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/api/events/batch`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-api-key": key },
      body,
      signal: AbortSignal.timeout(5_000),
    });
    if (response.status !== 202) return false;
    const { results } = (await response.json()) as {
      results: { event_id: string; verdict: string }[];
    };
    for (const { event_id, verdict } of results) {
      if (verdict === "accepted" || verdict === "duplicate") ledger.acknowledged.add(event_id);
    }
    return results.every(({ verdict }) => verdict !== "retry");
  } catch {
    // Connection refused, reset or timed out: not acknowledged, so it is sent again.
    return false;
  }
}
