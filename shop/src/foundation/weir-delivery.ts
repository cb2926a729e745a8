import { type Client, type ClientEvent, createClient, DroppedError } from "@weir/sdk";

/** An event for Weir. One that may be sent twice has an `event_id` and a `timestamp` of its own. */
export type WeirEvent = ClientEvent;

export interface RefusedEvent {
  /** In the list that was sent. */
  readonly index: number;
  readonly reason: string;
}

/** Sends events that are kept elsewhere until Weir has them: in an outbox. */
export interface WeirDelivery extends AsyncDisposable {
  /**
   * Resolves when each event has a verdict, with those that Weir will never accept. Rejects when it is unknown
   * which arrived: send the same events again, Weir recognises their ids.
   */
  send(events: readonly WeirEvent[]): Promise<readonly RefusedEvent[]>;
}

export interface WeirDeliveryOptions {
  readonly url: string;
  readonly key: string;
  /** For a list of events. */
  readonly timeoutMs: number;
}

/**
 * The caller keeps the events and repeats, so the SDK's own retries are off, and a client that has failed is
 * replaced: what it still holds would be sent twice.
 */
export function openWeirDelivery({ url, key, timeoutMs }: WeirDeliveryOptions): WeirDelivery {
  let client: Client | undefined;

  function open(): Client {
    return createClient({
      url,
      key,
      batch: { delayMs: 5 },
      retry: { maxAttempts: 1 },
      requestTimeoutMs: timeoutMs,
      flushOnExit: false,
      // the promise of each event has the same news
      onVerdict: () => {},
      onDrop: () => {},
      onRefused: () => {},
    });
  }

  async function close(): Promise<void> {
    const current = client;
    client = undefined;
    await current?.close({ timeoutMs: 0 });
  }

  return {
    async send(events) {
      client ??= open();
      const current = client;
      const late = Promise.withResolvers<never>();
      const message = `Weir gave no verdicts within ${timeoutMs} ms.`;
      const timer = setTimeout(() => late.reject(new Error(message)), timeoutMs);
      try {
        const all = Promise.all(
          events.map(async (event, index) => {
            const reason = await refusal(current, event);
            return reason === undefined ? [] : [{ index, reason }];
          }),
        );
        return (await Promise.race([all, late.promise])).flat();
      } catch (error) {
        await close();
        throw error;
      } finally {
        clearTimeout(timer);
      }
    },
    [Symbol.asyncDispose]: close,
  };
}

/** Why Weir will never accept the event; undefined when it has it. Rejects when neither is known. */
async function refusal(client: Client, event: WeirEvent): Promise<string | undefined> {
  try {
    const { verdict, code, detail } = await client.send(event);
    if (verdict === "accepted" || verdict === "duplicate") return undefined;
    return [verdict, code, detail].filter((part) => part !== undefined).join(": ");
  } catch (error) {
    const reason = error instanceof DroppedError ? error.drop.reason : undefined;
    if (reason === "too_large" || reason === "not_serialisable") return String(error);
    throw error;
  }
}
