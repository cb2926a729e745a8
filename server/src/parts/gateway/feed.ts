import { setImmediate as nextTurn } from "node:timers/promises";
import { messageOf } from "../../core/errors.ts";
import type { LiveEvent, LiveEvents } from "../../core/ports/live-log.ts";
import { pause } from "../../timing/pause.ts";
import { Anchor } from "./anchor.ts";
import { type Cursor, encodeCursor, encodeInRound, rangeAfter } from "./cursor.ts";
import { eventFrame } from "./event-frame.ts";
import { heartbeatSeconds, type Member } from "./member.ts";
import type { GatewayLimits, GatewayOptions } from "./ports.ts";
import { replay, startOfReplay } from "./replay.ts";
import { Turns } from "./turns.ts";

const readEvents = 1_000;
/** Frames are sent in slices, so that the backlog of a socket is checked after the network had a turn. */
const mostSliceBytes = 256 * 1024;
const readTimeoutMs = 5_000;
const replaysAtOnce = 3;

interface Place extends Cursor {
  /** The byte of the write-ahead log at which `from` is settled. */
  readonly written: bigint;
}

/**
 * Reads the log once for all sockets, and only while there is one. Members join between two
 * rounds, where everything before is in `place` and everything after comes with the next read.
 */
export class Feed {
  readonly members = new Set<Member>();
  readonly counts = { frames: 0, events: 0, gaps: 0 };
  problem: string | undefined;

  readonly #options: GatewayOptions;
  readonly #limits: GatewayLimits;
  readonly #turns = new Turns(replaysAtOnce);
  #joining: Member[] = [];
  /** Exactly what live members have been sent. */
  #place: Place | undefined;
  /** Where to continue after a crash of PostgreSQL. */
  readonly #anchor = new Anchor();
  #wake = Promise.withResolvers<void>();

  constructor(options: GatewayOptions, limits: GatewayLimits) {
    this.#options = options;
    this.#limits = limits;
  }

  get place(): Cursor | undefined {
    return this.#place;
  }

  join(member: Member): void {
    this.#joining.push(member);
    this.wake();
  }

  leave(member: Member): void {
    this.members.delete(member);
    this.#joining = this.#joining.filter((other) => other !== member);
    if (this.members.size === 0) this.wake();
  }

  wake(): void {
    this.#wake.resolve();
  }

  async run(signal: AbortSignal): Promise<void> {
    const stop = () => this.wake();
    signal.addEventListener("abort", stop);
    let unsubscribe: (() => void) | undefined;
    try {
      while (!signal.aborted) {
        if (this.members.size + this.#joining.length === 0) {
          unsubscribe?.();
          unsubscribe = undefined;
          this.#place = undefined;
          this.#anchor.clear();
          await this.#wake.promise;
          this.#wake = Promise.withResolvers();
          continue;
        }
        unsubscribe ??= this.#options.notifications.subscribe("weir_raw", () => this.wake());
        const started = performance.now();
        await this.#advance(signal);
        const rest = this.#limits.readEveryMs - (performance.now() - started);
        await pause(rest, signal);
        await this.#woken(this.#limits.pollMs);
      }
    } finally {
      signal.removeEventListener("abort", stop);
      unsubscribe?.();
    }
  }

  async #woken(timeoutMs: number): Promise<void> {
    const timer = setTimeout(() => this.wake(), timeoutMs);
    await this.#wake.promise;
    clearTimeout(timer);
  }

  async #advance(signal: AbortSignal): Promise<void> {
    this.#wake = Promise.withResolvers();
    // members that come during the reads wait for the next round: their cursor may be younger than this one
    const joining = this.#joining.splice(0);
    try {
      if (this.#place === undefined) this.#place = await this.#now(signal);
      else await this.#readRound(this.#place, signal);
      if (joining.length > 0) await this.#settle(signal);
      this.problem = undefined;
    } catch (error) {
      if (signal.aborted) return;
      this.problem = messageOf(error);
      this.#joining.unshift(...joining.filter((member) => member.isOpen));
      return;
    }
    for (const member of joining) if (member.isOpen) this.#admit(member, this.#place, signal);
  }

  /** Members begin with a cursor that outlives a crash. */
  async #settle(signal: AbortSignal): Promise<void> {
    if (this.#place === undefined || this.#place.settled !== undefined) return;
    const now = await this.#options.log.now({ timeoutMs: readTimeoutMs, signal });
    if (now.incarnation !== this.#place.incarnation) return;
    this.#anchor.settle(now.flushed);
    this.#place = settledAt(this.#place, now.flushed);
  }

  /** Begins at what is current, which is settled. */
  async #now(signal: AbortSignal): Promise<Place> {
    const now = await this.#options.log.now({ timeoutMs: readTimeoutMs, signal });
    const { at, position: from, incarnation, written } = now;
    this.#anchor.drop({ incarnation, settled: written, at, from });
    return { incarnation, settled: written, written, at, from };
  }

  async #readRound(start: Place, signal: AbortSignal): Promise<void> {
    let place = start;
    let end: Pick<Place, "at" | "written"> | undefined;
    for (let events = 0; ; ) {
      const read = await this.#options.log.read(rangeAfter(place), {
        limit: readEvents,
        timeoutMs: readTimeoutMs,
        signal,
      });
      if (read.incarnation !== place.incarnation) return this.#recover(read.incarnation, signal);
      // of the round's end; of one that a failure cut it is not known, but not later than now
      end ??= place.round === undefined ? read : { at: place.at, written: read.written };
      this.#anchor.settle(read.flushed);
      place = settledAt(place, read.flushed);
      await this.#deliver(place, read);
      events += read.events.length;
      const last = read.events.at(-1);
      if (!read.more || last === undefined) {
        const { incarnation } = read;
        const next = { incarnation, at: end.at, from: read.to, written: end.written };
        this.#anchor.follow({ ...next, settled: end.written });
        this.#place = settledAt(next, read.flushed);
        // a round that a failure cut ends in the past; members join at a place as young as they are
        if (start.round !== undefined) await this.#readRound(this.#place, signal);
        return;
      }
      place = { ...place, round: { to: read.to, last } };
      if (events >= this.#limits.replayEvents) {
        return this.#skip(`more than ${events} events arrived at once`, signal);
      }
    }
  }

  /** Tells every member that it missed events, and continues with what is new. */
  async #skip(reason: string, signal: AbortSignal): Promise<void> {
    this.#place = await this.#now(signal);
    const gap = this.#gap(this.#place, reason);
    for (const member of this.members) member.send(gap);
  }

  /**
   * After a crash of PostgreSQL, or with another server: `place` may show transactions as ended that were lost, and
   * whose ids were given to others since. Reads again from the last place that a crash cannot undo, without what
   * was delivered after it; before any member joins, because members join where nothing is left out.
   */
  async #recover(incarnation: string, signal: AbortSignal): Promise<void> {
    const { log } = this.#options;
    const options = { timeoutMs: readTimeoutMs, signal };
    const held = this.#anchor.place;
    const isValid =
      held !== undefined && (await log.survived(held.incarnation, held.settled, options));
    const place = isValid ? this.#anchor.goBack(incarnation) : undefined;
    if (place === undefined) {
      return this.#skip("PostgreSQL crashed or was replaced; events may be missing", signal);
    }
    this.#place = { ...place, written: place.settled };
    await this.#readRound(this.#place, signal);
  }

  async #deliver(place: Place, read: LiveEvents): Promise<void> {
    const round = { ...place, round: { to: read.to } };
    const cursorOf = encodeInRound(round);
    let slice: { readonly event: LiveEvent; readonly frame: Buffer }[] = [];
    const sliceBytes = Math.min(mostSliceBytes, this.#limits.backlogBytes / 4);
    let bytes = 0;
    for (const [index, event] of read.events.entries()) {
      if (this.#anchor.isNew(event)) {
        const frame = this.#options.encodeFrame(eventFrame(cursorOf(event), event));
        slice.push({ event, frame });
        bytes += frame.length;
      }
      const isLast = index === read.events.length - 1;
      if (bytes < sliceBytes && !isLast) continue;
      this.#handOut(slice, bytes);
      for (const sent of slice) this.#anchor.delivered(sent.event);
      this.counts.events += slice.length;
      this.#place = { ...round, round: { to: read.to, last: event } };
      slice = [];
      bytes = 0;
      if (!isLast || read.more) await nextTurn();
    }
  }

  /** One buffer for all members with the same filter. */
  #handOut(
    slice: readonly { readonly event: LiveEvent; readonly frame: Buffer }[],
    bytes: number,
  ): void {
    const buffers = new Map<string, { readonly frames: number; readonly data: Buffer }>();
    for (const member of this.members) {
      const { key, matches } = member.filter;
      let ready = buffers.get(key);
      if (ready === undefined) {
        const wanted = slice.filter(({ event }) => matches(event)).map(({ frame }) => frame);
        const length = wanted.length === slice.length ? bytes : undefined;
        ready = { frames: wanted.length, data: Buffer.concat(wanted, length) };
        buffers.set(key, ready);
      }
      if (ready.frames === 0) continue;
      member.deliver(ready.data);
      this.counts.frames += ready.frames;
    }
  }

  /** Lets a member in at `place`, which is between two rounds. */
  #admit(member: Member, place: Cursor, signal: AbortSignal): void {
    this.members.add(member);
    member.startReplay();
    const heartbeat_s = heartbeatSeconds(this.#limits);
    const cursor = encodeCursor(member.cursor ?? place);
    member.send({ type: "hello", cursor, heartbeat_s });
    const past =
      member.cursor === undefined
        ? Promise.resolve()
        : this.#replay(member, { from: member.cursor, end: place }, signal);
    past
      .then(() => member.goLive())
      .catch((error) => {
        this.problem = messageOf(error);
        member.close(
          "going_away",
          "the missed events could not be read; reconnect with the last cursor",
        );
      });
  }

  async #replay(
    member: Member,
    way: { readonly from: Cursor; readonly end: Cursor },
    signal: AbortSignal,
  ): Promise<void> {
    const options = {
      log: this.#options.log,
      encodeFrame: this.#options.encodeFrame,
      limits: this.#limits,
      signal,
      inTurn: <T>(work: () => Promise<T>) => this.#turns.take(work),
    };
    const start = await startOfReplay(way.from, way.end, options);
    if ("gap" in start) member.send(this.#gap(way.end, start.gap));
    else this.counts.frames += await replay(member, { ...way, from: start.from }, options);
  }

  #gap(place: Cursor, reason: string) {
    this.counts.gaps++;
    return { type: "gap", cursor: encodeCursor(place), reason } as const;
  }
}

/** The place with what is known now about `from`; what was known already stays true. */
function settledAt(place: Place, flushed: bigint): Place {
  if (place.settled !== undefined || place.written > flushed) return place;
  return { ...place, settled: place.written };
}
