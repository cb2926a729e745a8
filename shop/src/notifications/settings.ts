import {
  databaseSettings,
  listenerSettings,
  weirSettings,
} from "../foundation/service-settings.ts";
import {
  type Environment,
  httpAddress,
  optional,
  readSettings,
  type Setting,
  SettingsError,
  secretAddress,
  text,
  token,
  wholeNumber,
  withDefault,
} from "../foundation/settings.ts";
import { type ChannelName, channelNames } from "./kinds.ts";

const table = {
  ...listenerSettings("NOTIFICATIONS"),
  ...databaseSettings("NOTIFICATIONS"),
  ...weirSettings("NOTIFICATIONS"),
  /** What the callers of this service send. */
  storefrontToken: token("SHOP_TOKEN_STOREFRONT"),
  adminToken: optional(token("SHOP_TOKEN_ADMIN")),
  /** Where orders sends its messages again after a queue was lost, and what this service sends there. */
  ordersUrl: optional(httpAddress("SHOP_ORDERS_URL")),
  ordersToken: optional(token("SHOP_TOKEN_NOTIFICATIONS")),
  /** Those of a user without preferences. */
  channels: withDefault(listOf("SHOP_NOTIFICATIONS_CHANNELS", channelNames), ["log"]),
  smtpUrl: optional(secretAddress("SHOP_SMTP_URL", ["smtp:", "smtps:"])),
  mailFrom: withDefault(text("SHOP_MAIL_FROM"), "Weir Shop <shop@localhost>"),
  webhookUrl: optional(httpAddress("SHOP_NOTIFICATIONS_WEBHOOK_URL")),
  webhookToken: optional(token("SHOP_NOTIFICATIONS_WEBHOOK_TOKEN")),
  /** For one call of a channel; below the 30 s after which PostgreSQL ends an idle transaction. */
  channelTimeoutMs: withDefault(
    wholeNumber("SHOP_NOTIFICATIONS_CHANNEL_TIMEOUT_MS", { min: 100, max: 20_000 }),
    10_000,
  ),
  prefetch: withDefault(wholeNumber("SHOP_NOTIFICATIONS_PREFETCH", { min: 1, max: 50 }), 4),
  deliveryLimit: withDefault(
    wholeNumber("SHOP_NOTIFICATIONS_DELIVERY_LIMIT", { min: 1, max: 1_000 }),
    12,
  ),
  retryDelaysMs: withDefault(
    numbers("SHOP_NOTIFICATIONS_RETRY_MS"),
    [1_000, 5_000, 30_000, 120_000, 600_000],
  ),
  /** Links in messages lead there; without it they have none. */
  storefrontUrl: optional(httpAddress("SHOP_STOREFRONT_PUBLIC_URL")),
  timeZone: withDefault(timeZone("SHOP_TIME_ZONE"), "UTC"),
} as const;

export type NotificationSettings = ReturnType<typeof readNotificationSettings>;

/** @throws SettingsError, also for a channel that lacks what it needs */
export function readNotificationSettings(environment: Environment) {
  const settings = readSettings(environment, table);
  const missing: Readonly<Record<ChannelName, string | undefined>> = {
    log: undefined,
    smtp: settings.smtpUrl === undefined ? "SHOP_SMTP_URL" : undefined,
    webhook: settings.webhookUrl === undefined ? "SHOP_NOTIFICATIONS_WEBHOOK_URL" : undefined,
  };
  const problems = settings.channels.flatMap((channel) => {
    const variable = missing[channel];
    return variable === undefined
      ? []
      : [`${variable} is missing: the channel ${channel} needs it.`];
  });
  if (problems.length > 0) throw new SettingsError(problems);
  return settings;
}

function listOf<const T extends string>(
  variable: string,
  allowed: readonly T[],
): Setting<readonly T[]> {
  return {
    variable,
    secret: false,
    parse(value) {
      const names = value.split(",").map((name) => name.trim());
      return names.map((name) => {
        const found = allowed.find((one) => one === name);
        if (found === undefined) throw new Error(`it must be a list of ${allowed.join(", ")}.`);
        return found;
      });
    },
  };
}

function numbers(variable: string): Setting<readonly number[]> {
  return {
    variable,
    secret: false,
    parse(value) {
      const parsed = value.split(",").map((part) => Number(part));
      if (parsed.some((ms) => !(Number.isInteger(ms) && ms >= 1 && ms <= 86_400_000))) {
        throw new Error("it must be a list of milliseconds such as 1000,5000.");
      }
      return parsed;
    },
  };
}

function timeZone(variable: string): Setting<string> {
  return {
    variable,
    secret: false,
    parse(value) {
      try {
        return new Intl.DateTimeFormat("en", { timeZone: value }).resolvedOptions().timeZone;
      } catch {
        throw new Error("it must be the name of a time zone such as Europe/Istanbul.");
      }
    },
  };
}
