import {
  type CloseReason,
  closeReasons,
  type LiveFilter,
  liveFeed,
  type ServerFrame,
} from "@weir/protocol";
import { pause } from "../../timing/pause.ts";
import { type Cursor, encodeCursor } from "./cursor.ts";
import { compileFilter, filterOf, type Matches } from "./filter.ts";
import type { GatewayLimits, LiveSocket, SocketListener, UpgradeRequest } from "./ports.ts";

interface MemberOptions {
  readonly socket: LiveSocket;
  readonly request: UpgradeRequest;
  readonly cursor: Cursor | undefined;
  readonly filter: LiveFilter;
  readonly limits: GatewayLimits;
  readonly encodeFrame: (text: string) => Buffer;
  readonly onClosed: (member: Member, reason: CloseReason | "peer" | "dead") => void;
}

/** How long a replay waits for a client that reads nothing. */
const drainPatienceMs = 10_000;
const framesPerSecond = 20;

/**
 * One client of the feed. `joining`: not part of a round yet. `replaying`: it gets what it missed while
 * new events queue. `live`: it gets new events. `closed`: it gets nothing more.
 */
export class Member implements SocketListener {
  readonly request: UpgradeRequest;
  readonly cursor: Cursor | undefined;
  readonly #options: MemberOptions;
  #state: "joining" | "replaying" | "live" | "closed" = "joining";
  #filter: { readonly key: string; readonly matches: Matches };
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #heard = true;
  #reason: CloseReason | "dead" | undefined;
  #framesLeft = framesPerSecond;
  #framesAt = 0;

  constructor(options: MemberOptions) {
    this.#options = options;
    this.request = options.request;
    this.cursor = options.cursor;
    this.#filter = compileFilter(options.filter);
  }

  get filter(): { readonly key: string; readonly matches: Matches } {
    return this.#filter;
  }

  get isOpen(): boolean {
    return this.#state !== "closed";
  }

  send(frame: ServerFrame): void {
    if (this.#state === "closed") return;
    this.#options.socket.write(this.#options.encodeFrame(JSON.stringify(frame)));
  }

  /** Sends encoded frames of new events. A client with too large a backlog is closed as a slow reader. */
  deliver(frames: Buffer): void {
    const { socket, limits } = this.#options;
    if (this.#state === "replaying") {
      this.#waiting.push(frames);
      this.#waitingBytes += frames.length;
      // twice as much, as none of it has been passed to the network yet
      if (this.#waitingBytes > 2 * limits.backlogBytes) this.#cutSlowReader();
    } else if (this.#state === "live") {
      if (socket.backlogBytes + frames.length > limits.backlogBytes) this.#cutSlowReader();
      else socket.write(frames);
    }
  }

  startReplay(): void {
    if (this.#state === "joining") this.#state = "replaying";
  }

  /** Sends a replayed frame at the client's pace; false if it was closed meanwhile. */
  async replay(frame: Buffer): Promise<boolean> {
    const { socket, limits } = this.#options;
    const deadline = performance.now() + drainPatienceMs;
    while (this.isOpen && socket.backlogBytes + frame.length > limits.backlogBytes / 2) {
      if (performance.now() > deadline) this.#cutSlowReader();
      else await pause(5);
    }
    if (this.isOpen) socket.write(frame);
    return this.isOpen;
  }

  /** The replay is done: queued frames follow, then new ones. */
  async goLive(): Promise<void> {
    while (this.#waiting.length > 0) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      this.#waitingBytes -= next.length;
      if (!(await this.replay(next))) return;
    }
    if (this.isOpen) this.#state = "live";
  }

  /** Pings the client; one that has not answered the last ping is dead. */
  beat(cursor: Cursor | undefined, at: string): void {
    if (this.#state === "closed") return;
    if (!this.#heard) {
      this.#reason = "dead";
      this.#options.socket.terminate();
      return;
    }
    this.#heard = false;
    this.#options.socket.ping();
    if (this.#state !== "live" || cursor === undefined) return;
    this.send({ type: "heartbeat", cursor: encodeCursor(cursor), at });
  }

  close(code: CloseReason, detail: string): void {
    if (this.#state === "closed") return;
    this.send({ type: "bye", code, detail });
    this.#state = "closed";
    this.#waiting = [];
    this.#reason = code;
    this.#options.socket.close(closeReasons[code], code);
  }

  terminate(): void {
    this.#options.socket.terminate();
  }

  message(text: string | undefined): void {
    this.#heard = true;
    if (this.#state === "closed") return;
    const problem = this.#withinRate() ? this.#obey(text) : "too many frames";
    if (problem !== undefined) this.close("bad_frame", problem);
  }

  pong(): void {
    this.#heard = true;
  }

  closed(): void {
    this.#state = "closed";
    this.#waiting = [];
    this.#options.onClosed(this, this.#reason ?? "peer");
  }

  #obey(text: string | undefined): string | undefined {
    if (text === undefined) return "frames must be JSON text, not binary";
    let frame: unknown;
    try {
      frame = JSON.parse(text);
    } catch {
      return "the frame is not valid JSON";
    }
    if (typeof frame !== "object" || frame === null) return "a frame must be a JSON object";
    const { type, filter, ...rest } = frame as Record<string, unknown>;
    if (type !== "subscribe")
      return 'the only frame taken here is {"type":"subscribe","filter":{}}';
    const [unknown] = Object.keys(rest);
    if (unknown !== undefined)
      return `"${unknown.slice(0, 50)}" is not a member of a subscribe frame`;
    const read = filterOf(filter);
    if ("problem" in read) return read.problem;
    this.#filter = compileFilter(read.value);
    this.send({ type: "subscribed" });
    return undefined;
  }

  #withinRate(): boolean {
    const now = performance.now();
    if (now - this.#framesAt > 1_000) {
      this.#framesAt = now;
      this.#framesLeft = framesPerSecond;
    }
    return this.#framesLeft-- > 0;
  }

  #cutSlowReader(): void {
    const unread = `${Math.round(this.#options.limits.backlogBytes / 1024)} KiB`;
    this.close(
      "slow_reader",
      `the unread backlog exceeded ${unread}; reconnect with the last cursor`,
    );
  }
}

export const heartbeatSeconds = (limits: GatewayLimits): number =>
  limits.heartbeatMs >= 1000 ? Math.round(limits.heartbeatMs / 1000) : liveFeed.heartbeatSeconds;
