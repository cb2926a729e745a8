/** Names and arguments of what the driver declares in RabbitMQ; changing an argument needs a new name. */
export const eventExchange = "shop.events";
export const deadLetterExchange = "shop.dead-letters";

export const deadLetterQueue = (queue: string): string => `${queue}.dead-letters`;
export const retryQueue = (queue: string, delayMs: number): string => `${queue}.retry-${delayMs}`;

/** Of messages that the driver publishes a second time. */
export const headers = {
  deliveries: "x-shop-deliveries",
  reason: "x-shop-reason",
  failedAt: "x-shop-failed-at",
  /** RabbitMQ's own: how often this quorum queue has redelivered the message. */
  redeliveries: "x-delivery-count",
} as const;

/**
 * Dead lettering with confirms inside the broker, from 3.10 on: the default loses messages when the target
 * is not available at that moment.
 */
const deadLetteringAtLeastOnce = {
  "x-dead-letter-strategy": "at-least-once",
  "x-overflow": "reject-publish",
} as const;

export function queueArguments(queue: string, deliveryLimit: number): Record<string, unknown> {
  return {
    "x-queue-type": "quorum",
    // counts redeliveries; 3.10 has no default limit
    "x-delivery-limit": deliveryLimit - 1,
    "x-dead-letter-exchange": deadLetterExchange,
    "x-dead-letter-routing-key": queue,
    ...deadLetteringAtLeastOnce,
  };
}

/** Messages wait here for their time to live, and are then dead-lettered back into the queue. */
export function retryQueueArguments(queue: string, delayMs: number): Record<string, unknown> {
  return {
    "x-queue-type": "quorum",
    "x-message-ttl": delayMs,
    "x-dead-letter-exchange": "",
    "x-dead-letter-routing-key": queue,
    ...deadLetteringAtLeastOnce,
  };
}

/** Looking at dead letters redelivers them: a limit, as RabbitMQ 4 has by default, would drop them. */
export const deadLetterQueueArguments: Readonly<Record<string, unknown>> = {
  "x-queue-type": "quorum",
  "x-delivery-limit": 1_000_000_000,
};
