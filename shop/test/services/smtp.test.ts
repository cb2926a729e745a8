import assert from "node:assert/strict";
import { test } from "node:test";
import { requireServers } from "../../../testing/servers/required-servers.ts";
import { startSmtpServer } from "../../../testing/servers/smtp.ts";
import { until } from "../../../testing/until.ts";
import { openPostgresBus } from "../../src/bus/postgres/postgres-bus.ts";
import { createLogger } from "../../src/foundation/logger.ts";
import { startNotifications } from "../../src/notifications/start-notifications.ts";
import {
  createNotificationDatabases,
  notificationsOf,
  orderMessage,
  type StoredNotification,
} from "../helpers/notification-service.ts";
import { startService } from "../helpers/services.ts";

const needed = await requireServers("aiosmtpd");

test("notifications over a real SMTP server", needed, async (t) => {
  const smtp = await startSmtpServer(t);
  const databases = await createNotificationDatabases(t);
  const { url } = await startService(t, startNotifications, {
    ...databases.environment,
    SHOP_NOTIFICATIONS_CHANNELS: "smtp",
    SHOP_SMTP_URL: smtp.url,
    SHOP_MAIL_FROM: "Weir Shop <shop@shop.example>",
    SHOP_NOTIFICATIONS_CHANNEL_TIMEOUT_MS: "3000",
    SHOP_NOTIFICATIONS_DELIVERY_LIMIT: "1000",
  });
  const logger = createLogger("test", "silent");
  const bus = openPostgresBus({ url: databases.bus, applicationName: "test orders", logger });
  t.after(() => bus.close());
  const send = async (email: string) => {
    const message = orderMessage("shop.order.paid.v1", { email, language: "tr" });
    await until(
      () =>
        bus.publish([message]).then(
          () => true,
          () => false,
        ),
      { what: "the queue" },
    );
    return message;
  };
  const reached = (orderId: string, is: (one: StoredNotification) => boolean) =>
    until(
      async () => {
        const [one] = await notificationsOf(url, `order_id=${orderId}`);
        return one !== undefined && is(one) && one;
      },
      { what: `the notification of ${orderId}` },
    );
  const mailsTo = async (email: string) =>
    (await smtp.received()).filter(({ to }) => to.includes(email));

  await t.test("a mail has both forms, the language, and the id of its notification", async () => {
    const message = await send("ayşe@example.com");
    const one = await reached(message.data.id, ({ state }) => state === "sent");
    const [mail] = await mailsTo("ayşe@example.com");
    assert.equal(mail?.messageId, `${one.id}@shop.example`);
    assert.equal(mail?.from, "shop@shop.example");
    assert.equal(mail?.subject, one.subject);
    assert.match(mail?.subject ?? "", /ödemesi alındı/);
    assert.equal(mail?.text.replaceAll("\r\n", "\n").trim(), one.text.trim());
    assert.match(mail?.html ?? "", /<html lang="tr">/);
  });

  await t.test("a mailbox that does not exist is not tried again", async () => {
    const message = await send("reject-a@example.com");
    await until(
      async () => {
        const letters = await bus.deadLetters("shop.notifications").list();
        return letters.some(({ id }) => id === message.id);
      },
      { what: "the dead letter" },
    );
    // long before the delivery limit
    const [last] = await notificationsOf(url, `order_id=${message.data.id}`);
    assert.match(last?.reason ?? "", /550 5\.1\.1/);
  });

  await t.test("an answer that asks to come back is tried again", async () => {
    const message = await send("later-a@example.com");
    const one = await reached(message.data.id, ({ attempts }) => attempts >= 3);
    assert.notEqual(one.state, "sent");
    assert.deepEqual(await mailsTo("later-a@example.com"), []);
  });

  await t.test(
    "a server that accepts and dies before its answer gets the same Message-ID again",
    async () => {
      const message = await send("drop-a@example.com");
      const one = await reached(message.data.id, ({ state }) => state === "sent");
      const mails = await mailsTo("drop-a@example.com");
      assert.equal(mails.length, one.attempts);
      assert.ok(mails.length >= 2);
      assert.deepEqual(
        [...new Set(mails.map(({ messageId }) => messageId))],
        [`${one.id}@shop.example`],
      );
    },
  );

  await t.test(
    "a server that does not answer costs a time limit, and other mails are sent meanwhile",
    async () => {
      const silent = await send("silent-a@example.com");
      await until(async () => (await mailsTo("silent-a@example.com")).length > 0, {
        what: "the mail that is not answered",
      });
      const other = await send("other@example.com");
      await reached(other.data.id, ({ state }) => state === "sent");
      const one = await reached(silent.data.id, ({ reason }) => reason !== null);
      assert.match(one.reason ?? "", /no answer within 3000 ms|timeout/i);
    },
  );

  await t.test("mails wait while the server is down", async () => {
    await smtp.stop();
    const message = await send("patient@example.com");
    await reached(message.data.id, ({ attempts, state }) => attempts >= 2 && state === "failed");
    await smtp.start();
    await reached(message.data.id, ({ state }) => state === "sent");
    const ids = (await mailsTo("patient@example.com")).map(({ messageId }) => messageId);
    assert.equal(new Set(ids).size, 1);
  });
});
