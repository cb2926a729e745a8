import { type Channel, PermanentFailure } from "./channel.ts";

export interface WebhookOptions {
  readonly url: string;
  /** Sent as a bearer token. */
  readonly token: string | undefined;
  readonly timeoutMs: number;
}

/** Answers that a repetition may change. */
const temporary = new Set([408, 425, 429]);

/**
 * POSTs each notification as JSON; 2xx accepts it. At least once, with the notification's id as
 * Idempotency-Key. Redirects are not followed: the body would go to an address that no operator chose.
 */
export function createWebhookChannel({ url, token, timeoutMs }: WebhookOptions): Channel {
  return {
    async send(notification, signal) {
      const limit = AbortSignal.timeout(timeoutMs);
      const { id, kind, recipient, language, subject, text, html, orderId, userId } = notification;
      let response: Response;
      try {
        response = await fetch(url, {
          method: "POST",
          redirect: "manual",
          signal: AbortSignal.any([limit, signal]),
          headers: {
            "content-type": "application/json",
            "idempotency-key": id,
            ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          },
          body: JSON.stringify({
            ...{ id, kind, to: recipient, language, subject, text, html },
            order_id: orderId ?? null,
            user_id: userId ?? null,
          }),
        });
      } catch (error) {
        signal.throwIfAborted();
        if (limit.aborted) throw new Error(`no answer within ${timeoutMs} ms`, { cause: error });
        const { cause } = error as Error;
        throw new Error(cause instanceof Error ? cause.message : String(error), { cause: error });
      }
      await response.body?.cancel();
      const { status } = response;
      if (response.ok) return;
      if (status >= 300 && status < 500 && !temporary.has(status)) {
        throw new PermanentFailure(`the webhook answered ${status}`);
      }
      throw new Error(`the webhook answered ${status}`);
    },
    async close() {},
  };
}
