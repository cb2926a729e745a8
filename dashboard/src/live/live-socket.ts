/**
 * Carries out what the machine of `connection.ts` decides: opens and closes the socket, keeps the
 * two timers, and hands the frames on. Everything of the browser comes in as arguments.
 */
import { type LiveFilter, liveFeed, type RawEvent, type ServerFrame } from "@weir/protocol";
import { step } from "./connection.ts";
import type { ConnectionEvent, ConnectionState, StopReason } from "./connection-state.ts";

/** What is used of a `WebSocket`. */
export interface Socket {
  addEventListener(type: "message", take: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "close", take: (event: { readonly code: number }) => void): void;
  readonly readyState: number;
  send(text: string): void;
  close(): void;
}

export interface LiveSocketOptions {
  /** `wss://host` */
  readonly origin: string;
  filter(): LiveFilter;
  connect(address: string): Socket;
  after(ms: number, run: () => void): () => void;
  random(): number;
  /** Why a socket may have been refused; undefined when nothing speaks against another attempt. */
  askWhy(): Promise<StopReason | undefined>;
  onState(state: ConnectionState): void;
  /** From here on everything that passes the present filter comes, or is told as a gap. */
  onCovered(): void;
  onEvent(event: RawEvent): void;
  onGap(cursor: string, reason: string): void;
}

const socketOpen = 1;

export function createLiveSocket(options: LiveSocketOptions) {
  let state: ConnectionState = { name: "idle" };
  let socket: Socket | undefined;
  /** The filter that the server knows of, as JSON. */
  let told = "";
  /** Filters that it was sent and has not said to hold; undefined before its `hello`. */
  let unanswered: number | undefined;
  let cancelWait: (() => void) | undefined;
  let cancelWatch: (() => void) | undefined;

  function tell(event: ConnectionEvent) {
    const [next, effects] = step(state, event);
    const moved = next.name !== state.name || next.name === "waiting";
    state = next;
    for (const effect of effects) {
      switch (effect.do) {
        case "open":
          open(effect.cursor);
          break;
        case "close":
          drop();
          break;
        case "wait":
          cancelWait?.();
          cancelWait = options.after(effect.ms, () => tell({ type: "retry" }));
          break;
        case "watch":
          cancelWatch?.();
          cancelWatch = options.after(effect.ms, () =>
            tell({ type: "silent", random: options.random() }),
          );
          break;
        case "rest":
          cancelWait?.();
          cancelWatch?.();
          break;
        case "ask-why":
          void options.askWhy().then((reason) => {
            if (reason !== undefined) tell({ type: "refused", reason });
          });
      }
    }
    if (moved) options.onState(state);
  }

  function open(cursor: string | undefined) {
    drop();
    const filter = options.filter();
    const opened = options.connect(`${options.origin}${feedPath(filter, cursor)}`);
    told = JSON.stringify(filter);
    socket = opened;
    opened.addEventListener("message", ({ data }) => {
      if (socket !== opened || typeof data !== "string") return;
      const frame = parseFrame(data);
      if (frame === undefined) return;
      if (frame.type === "event") options.onEvent(frame.event);
      if (frame.type === "gap") options.onGap(frame.cursor, frame.reason);
      tell({ type: "frame", frame });
      // The filter may have changed while the socket was being opened.
      if (frame.type === "hello") unanswered = 0;
      if (frame.type === "subscribed" && unanswered !== undefined) unanswered--;
      if (frame.type === "hello" || frame.type === "subscribed") sendFilter();
    });
    opened.addEventListener("close", ({ code }) => {
      if (socket !== opened) return;
      socket = undefined;
      tell({ type: "closed", code, random: options.random() });
    });
  }

  /** What an old socket still says is nobody's business any more. */
  function drop() {
    const old = socket;
    socket = undefined;
    unanswered = undefined;
    old?.close();
  }

  /**
   * Tells the server of a changed filter; a new socket has it in its address.
   * @returns whether `onCovered` follows, now or soon: a socket is open, or being opened
   */
  function sendFilter(): boolean {
    if (socket === undefined || unanswered === undefined) return socket !== undefined;
    if (socket.readyState !== socketOpen) return false;
    const filter = JSON.stringify(options.filter());
    if (filter !== told) {
      told = filter;
      unanswered++;
      socket.send(`{"type":"subscribe","filter":${filter}}`);
    } else if (unanswered === 0) options.onCovered();
    return true;
  }

  return { tell, sendFilter };
}

/** The feed's address with its filter, and the cursor to go on from. */
export function feedPath(filter: LiveFilter, cursor: string | undefined): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) {
    for (const one of Array.isArray(value) ? value : [value]) query.append(name, String(one));
  }
  if (cursor !== undefined) query.set("cursor", cursor);
  const text = query.toString();
  return text === "" ? liveFeed.path : `${liveFeed.path}?${text}`;
}

function parseFrame(text: string): ServerFrame | undefined {
  try {
    const frame = JSON.parse(text) as ServerFrame;
    return typeof frame.type === "string" ? frame : undefined;
  } catch {
    return undefined;
  }
}
