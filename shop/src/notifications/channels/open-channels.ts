import type { Logger } from "../../foundation/logger.ts";
import type { ChannelName } from "../kinds.ts";
import type { NotificationSettings } from "../settings.ts";
import type { Channel } from "./channel.ts";
import { createLogChannel } from "./log-channel.ts";
import { createSmtpChannel } from "./smtp-channel.ts";
import { createWebhookChannel } from "./webhook-channel.ts";

export type Channels = ReadonlyMap<ChannelName, Channel>;

/** Every channel that the settings describe, whether or not it is a default. */
export function openChannels(settings: NotificationSettings, logger: Logger): Channels {
  const { smtpUrl, mailFrom, webhookUrl, webhookToken, channelTimeoutMs: timeoutMs } = settings;
  const channels = new Map<ChannelName, Channel>([["log", createLogChannel(logger)]]);
  if (smtpUrl !== undefined) {
    channels.set("smtp", createSmtpChannel({ url: smtpUrl, from: mailFrom, timeoutMs }));
  }
  if (webhookUrl !== undefined) {
    const options = { url: webhookUrl, token: webhookToken, timeoutMs };
    channels.set("webhook", createWebhookChannel(options));
  }
  return channels;
}
