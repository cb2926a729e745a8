/**
 * Carries out the effects of the machine in `connection.ts`: opens and closes the socket, keeps the
 * two timers, and passes the frames on. The browser's functions come in as arguments.
 */
import { type LiveFilter, liveFeed, type RawEvent, type ServerFrame } from "@weir/protocol";
import { step } from "./connection.ts";
import type { ConnectionEvent, ConnectionState, StopReason } from "./connection-state.ts";

/** The part of a `WebSocket` that is used. */
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
  /** Why a socket was refused; undefined when another attempt may succeed. */
  findReason(): Promise<StopReason | undefined>;
  onState(state: ConnectionState): void;
  /** From here on every event that matches the current filter arrives or is reported as a gap. */
  onCovered(): void;
  onEvent(event: RawEvent): void;
  onGap(cursor: string, reason: string): void;
}

const socketOpen = 1;

export function createLiveSocket(options: LiveSocketOptions) {
  let state: ConnectionState = { name: "idle" };
  let socket: Socket | undefined;
  /** The filter that the server has, as JSON. */
  let sentFilter = "";
  /** The number of filters sent and not yet confirmed; undefined before `hello`. */
  let unconfirmed: number | undefined;
  let cancelWait: (() => void) | undefined;
  let cancelWatch: (() => void) | undefined;

  function dispatch(event: ConnectionEvent) {
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
          cancelWait = options.after(effect.ms, () => dispatch({ type: "retry" }));
          break;
        case "watch":
          cancelWatch?.();
          cancelWatch = options.after(effect.ms, () =>
            dispatch({ type: "silent", random: options.random() }),
          );
          break;
        case "rest":
          cancelWait?.();
          cancelWatch?.();
          break;
        case "find-reason":
          void options.findReason().then((reason) => {
            if (reason !== undefined) dispatch({ type: "refused", reason });
          });
      }
    }
    if (moved) options.onState(state);
  }

  function open(cursor: string | undefined) {
    drop();
    const filter = options.filter();
    const opened = options.connect(`${options.origin}${feedPath(filter, cursor)}`);
    sentFilter = JSON.stringify(filter);
    socket = opened;
    opened.addEventListener("message", ({ data }) => {
      if (socket !== opened || typeof data !== "string") return;
      const frame = parseFrame(data);
      if (frame === undefined) return;
      if (frame.type === "event") options.onEvent(frame.event);
      if (frame.type === "gap") options.onGap(frame.cursor, frame.reason);
      dispatch({ type: "frame", frame });
      // The filter may have changed while the socket was being opened.
      if (frame.type === "hello") unconfirmed = 0;
      if (frame.type === "subscribed" && unconfirmed !== undefined) unconfirmed--;
      if (frame.type === "hello" || frame.type === "subscribed") sendFilter();
    });
    opened.addEventListener("close", ({ code }) => {
      if (socket !== opened) return;
      socket = undefined;
      dispatch({ type: "closed", code, random: options.random() });
    });
  }

  /** Closes the socket. Frames that it still receives are ignored. */
  function drop() {
    const old = socket;
    socket = undefined;
    unconfirmed = undefined;
    old?.close();
  }

  /**
   * Sends a changed filter to the server; a new socket has it in its address.
   * @returns whether `onCovered` follows, now or soon: a socket is open, or being opened
   */
  function sendFilter(): boolean {
    if (socket === undefined || unconfirmed === undefined) return socket !== undefined;
    if (socket.readyState !== socketOpen) return false;
    const filter = JSON.stringify(options.filter());
    if (filter !== sentFilter) {
      sentFilter = filter;
      unconfirmed++;
      socket.send(`{"type":"subscribe","filter":${filter}}`);
    } else if (unconfirmed === 0) options.onCovered();
    return true;
  }

  return { dispatch, sendFilter };
}

/** The address of the feed with its filter, and the cursor to continue from. */
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
