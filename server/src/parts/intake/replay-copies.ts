/** Sends copies from the topic of dead letters to the topic `raw_data` again, with a key. */
import { dlqHeaders, rawDataHeaders } from "@weir/protocol";
import type { Message, MessageSink } from "../../core/ports/messages.ts";
import { textHeaders } from "./message-headers.ts";

export interface ReplayCopiesOptions {
  /** The messages of the topic of dead letters, from its beginning to its end at the call. */
  readonly copies: AsyncIterable<readonly Message[]>;
  readonly sink: MessageSink;
  /** The topic that intake reads. */
  readonly topic: string;
  /** An API key of the service that the events belong to. */
  readonly key: string;
  /** Only copies with this reason. */
  readonly reason: string | undefined;
  /** Count only. */
  readonly isDryRun: boolean;
}

export interface ReplayedCopies {
  readonly read: number;
  readonly matching: number;
  readonly sent: number;
}

/** Events without an id keep the identity of the message that was read first, so repeating this changes nothing. */
export async function replayCopies(options: ReplayCopiesOptions): Promise<ReplayedCopies> {
  const { copies, sink, topic, key, reason, isDryRun } = options;
  let [read, matching, sent] = [0, 0, 0];
  for await (const messages of copies) {
    read += messages.length;
    const chosen = messages.filter(({ headers }) => {
      const found = textHeaders(headers).text(dlqHeaders.reason);
      return reason === undefined || found === reason;
    });
    matching += chosen.length;
    if (isDryRun || chosen.length === 0) continue;
    await sink.send(
      chosen.map((message) => ({
        ...{ topic, key: message.key, value: message.value },
        headers: [
          ...message.headers.filter(([name]) => !name.toString("utf8").startsWith("weir-dlq-")),
          [Buffer.from(rawDataHeaders.key), Buffer.from(key)],
        ],
      })),
    );
    sent += chosen.length;
  }
  return { read, matching, sent };
}
