import { UnprocessableMessage } from "../bus/bus.ts";
import type { CloudEvent } from "../bus/cloud-event.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Weir } from "../foundation/weir.ts";
import { PermanentFailure } from "./channels/channel.ts";
import type { Channels } from "./channels/open-channels.ts";
import { type ChannelName, optionalKinds } from "./kinds.ts";
import { contentOf, type MessageContent, type Presentation } from "./message-content.ts";
import { type Notification, notificationId } from "./notification.ts";
import type { Preference } from "./preferences.ts";
import type { Store } from "./store.ts";

export interface DeliverOptions {
  readonly store: Store;
  readonly preferenceOf: (userId: string) => Promise<Preference>;
  readonly channels: Channels;
  readonly defaultChannels: readonly ChannelName[];
  readonly presentation: Presentation;
  readonly weir: Pick<Weir, "track">;
  readonly logger: Logger;
}

/** Sends what the message asks for and what was not sent yet; rejects when a channel fails. */
export type Deliver = (message: CloudEvent, signal: AbortSignal) => Promise<void>;

export function createDeliver(options: DeliverOptions): Deliver {
  const { store, preferenceOf, channels, presentation, weir, logger } = options;

  async function sendOne(notification: Notification, signal: AbortSignal): Promise<void> {
    const channel = channels.get(notification.channel);
    await store.exclusively(notification.id, async (attempt) => {
      try {
        if (channel === undefined) {
          throw new PermanentFailure(`the channel ${notification.channel} is not configured`);
        }
        await channel.send(notification, signal);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        logger.warn({ notification: notification.id, attempt, reason }, "a notification failed");
        weir.track(report(notification, { type: "notification.failed", attempt, reason }));
        throw error;
      }
      weir.track(report(notification, { type: "notification.sent", attempt }));
    });
  }

  return async (message, signal) => {
    const content = contentOf(message, presentation);
    const { userId } = content.draft;
    const preference = userId === undefined ? undefined : await preferenceOf(userId);
    const notifications = await store.admit(message.id, () =>
      decide(content, { preference, options }),
    );
    const failures: { readonly channel: ChannelName; readonly error: unknown }[] = [];
    for (const notification of notifications) {
      if (notification.state === "sent" || notification.state === "opted_out") continue;
      signal.throwIfAborted();
      try {
        await sendOne(notification, signal);
      } catch (error) {
        failures.push({ channel: notification.channel, error });
      }
    }
    if (failures.length === 0) return;
    const reason = failures
      .map(({ channel, error }) => `${channel}: ${error instanceof Error ? error.message : error}`)
      .join("; ");
    if (failures.every(({ error }) => error instanceof PermanentFailure)) {
      throw new UnprocessableMessage(reason);
    }
    throw new Error(reason);
  };
}

interface Circumstances {
  readonly preference: Preference | undefined;
  readonly options: Pick<DeliverOptions, "channels" | "defaultChannels">;
}

/** One notification for each channel that the recipient wants and this service has. */
function decide(
  { draft, render }: MessageContent,
  { preference, options }: Circumstances,
): readonly Notification[] {
  const wanted = (preference?.channels ?? []).filter((name) => options.channels.has(name));
  const names = wanted.length > 0 ? wanted : options.defaultChannels;
  const language = preference?.language ?? draft.language;
  const isRefused =
    optionalKinds.includes(draft.kind) && (preference?.optedOut.includes(draft.kind) ?? false);
  const rendered = render(language);
  return [...new Set(names)].map((channel) => ({
    ...draft,
    ...rendered,
    id: notificationId(draft.messageId, channel),
    channel,
    language,
    state: isRefused ? ("opted_out" as const) : ("pending" as const),
  }));
}

interface Result {
  readonly type: "notification.sent" | "notification.failed";
  readonly attempt: number;
  readonly reason?: string;
}

/** For Weir; the id makes a repeated report one event. */
function report(
  notification: Notification,
  { type, attempt, reason }: Result,
): Parameters<Weir["track"]>[0] {
  const { id, kind, channel, language, orderId, userId } = notification;
  return {
    event_id: type === "notification.sent" ? `${id}:sent` : `${id}:failed:${attempt}`,
    event_type: type,
    ...(userId === undefined ? {} : { user_id: userId }),
    properties: {
      ...{ notification_id: id, kind, channel, language, attempt },
      ...(orderId === undefined ? {} : { order_id: orderId }),
      ...(reason === undefined ? {} : { reason }),
    },
  };
}
