import { createTransport } from "nodemailer";
import { type Channel, PermanentFailure } from "./channel.ts";

export interface SmtpOptions {
  /** `smtp://user:password@host:port`, or `smtps:` */
  readonly url: string;
  /** `Name <address>` */
  readonly from: string;
  readonly timeoutMs: number;
}

/**
 * At least once: SMTP cannot say whether a message was accepted when the connection, or this process, ends
 * before its answer. Every attempt has the same Message-ID, by which receivers recognise a repetition.
 */
export function createSmtpChannel({ url, from, timeoutMs }: SmtpOptions): Channel {
  const transport = createTransport({
    url,
    pool: true,
    maxConnections: 4,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const domain = /@([^>\s]+)/.exec(from)?.[1] ?? "localhost";
  return {
    async send({ id, recipient, subject, text, html, language }, signal) {
      const sent = transport.sendMail({
        messageId: `<${id}@${domain}>`,
        from,
        to: { name: "", address: recipient },
        subject,
        text,
        html,
        headers: { "Auto-Submitted": "auto-generated", "Content-Language": language },
      });
      try {
        await limited(sent, timeoutMs, signal);
      } catch (error) {
        const { responseCode } = error as { readonly responseCode?: number };
        if (responseCode === undefined || responseCode < 500) throw error;
        throw new PermanentFailure(error instanceof Error ? error.message : String(error));
      }
    },
    async close() {
      transport.close();
    },
  };
}

/** The time limits of the transport are for each step; this one is for all of them. */
async function limited(
  work: Promise<unknown>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  limit.throwIfAborted();
  const ended = Promise.withResolvers<never>();
  const end = (): void =>
    ended.reject(signal.aborted ? signal.reason : new Error(`no answer within ${timeoutMs} ms`));
  limit.addEventListener("abort", end, { once: true });
  try {
    await Promise.race([work, ended.promise]);
  } finally {
    limit.removeEventListener("abort", end);
    // its end after the limit changes nothing
    work.catch(() => {});
  }
}
