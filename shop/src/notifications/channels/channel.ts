import type { Notification } from "../notification.ts";

/** One way to reach a recipient. */
export interface Channel {
  /**
   * Resolves when the other side has accepted it; bounded in time. Rejects with a PermanentFailure when no
   * repetition can help.
   */
  send(notification: Notification, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export class PermanentFailure extends Error {
  override readonly name = "PermanentFailure";
}
