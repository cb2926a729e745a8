import { setImmediate as nextTurn } from "node:timers/promises";
import { messageOf } from "../../core/errors.ts";
import type { LiveEvent, LiveEvents } from "../../core/ports/live-log.ts";
import { pause } from "../../timing/pause.ts";
import { type Cursor, encodeCursor, encodeInRound, rangeAfter } from "./cursor.ts";
import { eventFrame } from "./event-frame.ts";
import { heartbeatSeconds, type Member } from "./member.ts";
import type { GatewayLimits, GatewayOptions } from "./ports.ts";
import { findGap, replay } from "./replay.ts";
import { Turns } from "./turns.ts";

const readEvents = 1_000;
/** Frames are sent in slices, so that the backlog of a socket is checked after the network had a turn. */
const mostSliceBytes = 256 * 1024;
const readTimeoutMs = 5_000;
const replaysAtOnce = 3;

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
  #place: Cursor | undefined;
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
      this.problem = undefined;
    } catch (error) {
      if (signal.aborted) return;
      this.problem = messageOf(error);
      this.#joining.unshift(...joining.filter((member) => member.isOpen));
      return;
    }
    for (const member of joining) if (member.isOpen) this.#admit(member, this.#place, signal);
  }

  async #now(signal: AbortSignal): Promise<Cursor> {
    const { at, position } = await this.#options.log.now({ timeoutMs: readTimeoutMs, signal });
    return { at, from: position };
  }

  async #readRound(start: Cursor, signal: AbortSignal): Promise<void> {
    let place = start;
    let end = { at: start.at };
    for (let events = 0; ; ) {
      const read = await this.#options.log.read(rangeAfter(place), {
        limit: readEvents,
        timeoutMs: readTimeoutMs,
        signal,
      });
      if (place.round === undefined) end = { at: read.at };
      await this.#deliver(place, read);
      events += read.events.length;
      const last = read.events.at(-1);
      if (!read.more || last === undefined) {
        this.#place = { at: end.at, from: read.to };
        // a round that a failure cut ends in the past; members join at a place as young as they are
        if (start.round !== undefined) await this.#readRound(this.#place, signal);
        return;
      }
      place = { at: place.at, from: place.from, round: { to: read.to, last } };
      if (events >= this.#limits.replayEvents) {
        this.#place = await this.#now(signal);
        const gap = this.#gap(this.#place, `more than ${events} events arrived at once`);
        for (const member of this.members) member.send(gap);
        return;
      }
    }
  }

  async #deliver(place: Cursor, read: LiveEvents): Promise<void> {
    const round = { at: place.at, from: place.from, round: { to: read.to } };
    const cursorOf = encodeInRound(round);
    let slice: { readonly event: LiveEvent; readonly frame: Buffer }[] = [];
    const sliceBytes = Math.min(mostSliceBytes, this.#limits.backlogBytes / 4);
    let bytes = 0;
    for (const [index, event] of read.events.entries()) {
      const frame = this.#options.encodeFrame(eventFrame(cursorOf(event), event));
      slice.push({ event, frame });
      bytes += frame.length;
      const isLast = index === read.events.length - 1;
      if (bytes < sliceBytes && !isLast) continue;
      this.#handOut(slice, bytes);
      this.#place = { ...round, round: { to: read.to, last: event } };
      slice = [];
      bytes = 0;
      if (!isLast || read.more) await nextTurn();
    }
    this.counts.events += read.events.length;
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
    const reason = await findGap(way.from, way.end, options);
    if (reason !== undefined) member.send(this.#gap(way.end, reason));
    else this.counts.frames += await replay(member, way, options);
  }

  #gap(place: Cursor, reason: string) {
    this.counts.gaps++;
    return { type: "gap", cursor: encodeCursor(place), reason } as const;
  }
}
