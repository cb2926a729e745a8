import type { Logger } from "../../foundation/logger.ts";
import type { Channel } from "./channel.ts";

/**
 * For development and the demo: the stored notification is the effect, which its state makes exactly once.
 * The line has no body, because sign-in links are secrets.
 */
export function createLogChannel(logger: Logger): Channel {
  return {
    async send({ id, kind, recipient, subject }) {
      logger.info({ notification: id, kind, to: recipient, subject }, "notification");
    },
    async close() {},
  };
}
