/**
 * Reads pages of the raw log ahead, sends their messages one request after the other, and moves the position when a page is
 * acknowledged. A request waits for the one before: if it overtook a request that failed, the events of a key would
 * change their order (docs/decisions/0042-the-relay-waits-for-each-request.md).
 */
import type { Database } from "../../core/ports/database.ts";
import type { NextRange, RangeReader } from "../../core/ports/log.ts";
import { createBackoff } from "../../timing/backoff.ts";
import { pause } from "../../timing/pause.ts";
import type { Wake } from "../../timing/wake.ts";
import type { MessageMaker, Request } from "./messages.ts";
import type { Offsets } from "./offsets.ts";
import type { RelayTopic } from "./ports.ts";
import { ReadAhead } from "./read-ahead.ts";

export interface PumpOptions {
  readonly database: Database;
  readonly log: RangeReader;
  readonly topic: RelayTopic;
  readonly messages: MessageMaker;
  readonly offsets: Offsets;
  /** Of the lease; the position moves under it only. */
  readonly epoch: string;
  readonly wake: Wake;
  readonly pageEvents: number;
  readonly bufferBytes: number;
  readonly intervalMs: number;
  readonly onPage: (page: RelayedPage) => void;
  readonly onBuffer: (bytes: number) => void;
  /** Why nothing moves; undefined when it does. */
  readonly onProblem: (error: unknown) => void;
}

export interface RelayedPage {
  readonly events: number;
  readonly bytes: number;
}

/** Another process relays, or the position was moved by a rewind or lost in a crash of PostgreSQL: begin again. */
export class PositionMoved extends Error {
  override readonly name = "PositionMoved";
}

/** The topic has stored new messages where it had acknowledged others. */
export class TopicLost extends Error {
  override readonly name = "TopicLost";
}

const pollMs = 500;
/** Without events the position still moves, so that the reader's look-back stays short. */
const idleMoveMs = 5_000;
/** After the order to stop, for what has been read. */
const drainMs = 4_000;
const backoffMs = { firstMs: 100, lastMs: 5_000 } as const;

/** Until aborted: then it sends the complete pages that it has read. Rejects when it must begin again. */
export async function pump(options: PumpOptions, signal: AbortSignal): Promise<void> {
  const ahead = new ReadAhead(options.bufferBytes);
  const failed = new AbortController();
  const reading = AbortSignal.any([signal, failed.signal]);
  const late = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const beginDrain = () => {
    ahead.close();
    timer = setTimeout(() => late.abort(), drainMs);
  };
  signal.addEventListener("abort", beginDrain, { once: true });
  if (signal.aborted) beginDrain();
  const sending = AbortSignal.any([late.signal, failed.signal]);
  const ends = (work: Promise<void>) =>
    work.catch((error: unknown) => {
      ahead.close();
      failed.abort();
      throw error;
    });
  try {
    const results = await Promise.allSettled([
      ends(readPages(options, ahead, reading)),
      ends(sendPages(options, ahead, sending)),
    ]);
    const errors = results.flatMap((result) =>
      result.status === "rejected" ? [result.reason as unknown] : [],
    );
    // the other loop ends with the abort, which says nothing
    const cause = errors.find((error) => (error as Error).name !== "AbortError") ?? errors[0];
    if (cause !== undefined && !signal.aborted) throw cause;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", beginDrain);
    options.onBuffer(0);
  }
}

async function readPages(
  { log, messages, pageEvents, intervalMs, wake, onBuffer }: PumpOptions,
  ahead: ReadAhead,
  signal: AbortSignal,
): Promise<void> {
  let last: NextRange | undefined;
  let movedAt = performance.now();
  while (!signal.aborted) {
    const began = performance.now();
    const range = await log.next(pageEvents, last);
    if (last !== undefined && range.incarnation !== last.incarnation) {
      throw new PositionMoved("PostgreSQL has crashed and recovered");
    }
    if (range.events === 0 && began - movedAt < idleMoveMs) {
      await wake.wait(pollMs, signal);
      continue;
    }
    let events = 0;
    if (range.events > 0) {
      for await (const logged of log.readLogged(range, { signal })) {
        events += logged.length;
        for (const request of messages.requests(logged)) {
          await ahead.put({ kind: "request", request });
          onBuffer(ahead.bytes);
        }
      }
    }
    await ahead.put({ kind: "end", range, events });
    last = range;
    movedAt = performance.now();
    if (!range.more) await pause(intervalMs - (performance.now() - began), signal);
  }
}

async function sendPages(
  options: PumpOptions,
  ahead: ReadAhead,
  signal: AbortSignal,
): Promise<void> {
  let moving: Promise<void> = Promise.resolve();
  let bytes = 0;
  for (;;) {
    const item = await ahead.next();
    if (item === undefined || signal.aborted) break;
    if (item.kind === "request") {
      await sendRequest(options, item.request, signal);
      bytes += item.request.bytes;
    } else {
      const page = { range: item.range, events: item.events, bytes };
      bytes = 0;
      // the next request need not wait for this commit; the next commit does
      await moving;
      moving = movePosition(options, page);
      moving.catch(() => {});
    }
    ahead.done();
    options.onBuffer(ahead.bytes);
  }
  await moving;
}

/** Repeats a request until it is acknowledged, unless it cannot succeed without a new look at the topic. */
async function sendRequest(
  { topic, offsets, onProblem }: PumpOptions,
  { messages }: Request,
  signal: AbortSignal,
): Promise<void> {
  const backoff = createBackoff(backoffMs);
  for (;;) {
    try {
      const acknowledgements = await topic.send(messages, signal);
      onProblem(undefined);
      if (!offsets.add(acknowledgements)) {
        throw new TopicLost(`the topic ${topic.name} has lost messages that it had acknowledged`);
      }
      return;
    } catch (error) {
      signal.throwIfAborted();
      if ((error as { readonly retryable?: unknown }).retryable !== true) throw error;
      onProblem(error);
      const { retryAfterMs = 0 } = error as { readonly retryAfterMs?: number };
      await pause(Math.max(retryAfterMs, backoff.next()), signal);
      signal.throwIfAborted();
    }
  }
}

async function movePosition(
  { database, log, offsets, epoch, onPage }: PumpOptions,
  page: RelayedPage & { readonly range: NextRange },
): Promise<void> {
  const leastEnds = offsets.leastEnds;
  await database.transaction(async (connection) => {
    const range = { ...page.range, events: page.events };
    if (!(await log.advance(connection, range))) {
      throw new PositionMoved("the position of the relay was moved");
    }
    const [state] = await connection.query({
      name: "relay_record",
      text: "update relay.state set least_ends = $2::bigint[] where epoch = $1 returning epoch",
      values: [epoch, leastEnds],
    });
    if (state === undefined) throw new PositionMoved("another process relays");
  });
  onPage({ events: page.events, bytes: page.bytes });
}
