import { createHash } from "node:crypto";
import type { ChannelName, Kind, Language } from "./kinds.ts";

export type NotificationState = "pending" | "sending" | "sent" | "failed" | "opted_out";

/** What a message asks for, before it is known through which channels. */
export interface Draft {
  readonly messageId: string;
  readonly kind: Kind;
  readonly orderId?: string;
  readonly userId?: string;
  readonly recipient: string;
  readonly language: Language;
}

/** What a channel sends. */
export interface Notification extends Draft {
  readonly id: string;
  readonly channel: ChannelName;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly state: NotificationState;
}

/** The same for the same message and channel, in every process and at every attempt: a UUID of version 8. */
export function notificationId(messageId: string, channel: ChannelName): string {
  const hex = createHash("sha256").update(`${channel}\n${messageId}`).digest("hex");
  const variant = ((Number.parseInt(hex[16] ?? "0", 16) & 0x3) | 0x8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join("-");
}

const address = /^[^\s@<>,;:"()[\]\\]{1,64}@[^\s@<>,;:"()[\]\\]{1,255}$/;

/** One address, without a name: a list would send to several. */
export function isMailAddress(text: string): boolean {
  return address.test(text);
}
