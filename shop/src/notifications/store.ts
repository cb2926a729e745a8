import type { Database } from "../foundation/database.ts";
import type { ChannelName, Kind, Language } from "./kinds.ts";
import type { Notification, NotificationState } from "./notification.ts";

export interface Store {
  /**
   * The notifications of a message. `create` is called when there are none yet: they are decided once, so
   * that a repeated message after a change of preferences does not send more.
   */
  admit(messageId: string, create: () => readonly Notification[]): Promise<readonly Notification[]>;
  /**
   * Runs `send` with the notification to itself. State `sending` is committed before, `sent` or `failed`
   * after. Returns false without a call when it was sent already. @throws what `send` throws, and
   * BusyError while another process is sending it
   */
  exclusively(id: string, send: (attempt: number) => Promise<void>): Promise<boolean>;
}

/** Another process has the notification; it holds the lock until it ends or dies. */
class BusyError extends Error {
  override readonly name = "BusyError";
}

interface Row {
  readonly id: string;
  readonly message_id: string;
  readonly channel: ChannelName;
  readonly kind: Kind;
  readonly order_id: string | null;
  readonly user_id: string | null;
  readonly recipient: string;
  readonly language: Language;
  readonly subject: string;
  readonly body_text: string;
  readonly body_html: string;
  readonly state: NotificationState;
}

export function createStore(database: Database): Store {
  async function finish(
    id: string,
    state: "sent" | "failed",
    reason: string | null,
  ): Promise<void> {
    await database.query(
      `update notification set state = $2, reason = $3,
         sent_at = case when $2 = 'sent' then clock_timestamp() end
       where id = $1 and state = 'sending'`,
      [id, state, reason],
    );
  }

  return {
    admit: (messageId, create) =>
      database.transaction(async (connection) => {
        await connection.query("select pg_advisory_xact_lock(hashtextextended($1, 1))", [
          messageId,
        ]);
        const select = "select * from notification where message_id = $1 order by channel";
        const known = await connection.query<Row>(select, [messageId]);
        if (known.length > 0) return known.map(toNotification);
        for (const one of create()) {
          await connection.query(
            `insert into notification (id, message_id, channel, kind, order_id, user_id, recipient,
               language, subject, body_text, body_html, state)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
            [
              ...[one.id, one.messageId, one.channel, one.kind, one.orderId, one.userId],
              ...[one.recipient, one.language, one.subject, one.text, one.html, one.state],
            ],
          );
        }
        return (await connection.query<Row>(select, [messageId])).map(toNotification);
      }),

    exclusively: (id, send) =>
      // the lock ends with its connection: a killed process holds nothing
      database.transaction(async (connection) => {
        const [lock] = await connection.query<{ held: boolean }>(
          "select pg_try_advisory_xact_lock(hashtextextended($1, 2)) as held",
          [id],
        );
        if (lock?.held !== true) throw new BusyError("another process is sending it");
        // on other connections, to be committed at once
        const [begun] = await database.query<{ attempts: number }>(
          `update notification
           set state = 'sending', attempts = attempts + 1, attempted_at = clock_timestamp()
           where id = $1 and state in ('pending', 'sending', 'failed') returning attempts`,
          [id],
        );
        if (begun === undefined) return false;
        try {
          await send(begun.attempts);
        } catch (error) {
          await finish(id, "failed", error instanceof Error ? error.message : String(error));
          throw error;
        }
        await finish(id, "sent", null);
        return true;
      }),
  };
}

function toNotification(row: Row): Notification {
  return {
    id: row.id,
    messageId: row.message_id,
    channel: row.channel,
    kind: row.kind,
    ...(row.order_id === null ? {} : { orderId: row.order_id }),
    ...(row.user_id === null ? {} : { userId: row.user_id }),
    recipient: row.recipient,
    language: row.language,
    subject: row.subject,
    text: row.body_text,
    html: row.body_html,
    state: row.state,
  };
}
