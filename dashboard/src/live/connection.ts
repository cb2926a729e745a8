/**
 * The reconnecting reader of the live feed as a pure state machine. The table is total: every state
 * says what every event means to it. Effects are data; `use-live-feed.ts` carries them out.
 *
 * | state | means |
 * |---|---|
 * | idle | nobody is looking |
 * | connecting | a socket is being opened, from the last cursor when there is one |
 * | open | `hello` came; silence longer than 2.5 heartbeats counts as a cut |
 * | waiting | cut; the next attempt comes after a growing, jittered pause |
 * | offline | the browser has no network; it tells when it has |
 * | stopped | trying again by itself is of no use: sign in, get the permission, mend the program |
 */
import type { CloseReason, ServerFrame } from "@weir/protocol";
import { closeReasons } from "@weir/protocol";

export type StopReason = "unauthenticated" | "forbidden" | "bad_frame";
export type ConnectionState =
  | { readonly name: "idle" }
  | { readonly name: "connecting"; readonly cursor: string | undefined; readonly attempt: number }
  | { readonly name: "open"; readonly cursor: string; readonly silenceMs: number }
  | {
      readonly name: "waiting";
      readonly cursor: string | undefined;
      readonly attempt: number;
      readonly waitMs: number;
      /** Why the server said goodbye, if it did. */
      readonly reason: CloseReason | undefined;
    }
  | { readonly name: "offline"; readonly cursor: string | undefined }
  | { readonly name: "stopped"; readonly cursor: string | undefined; readonly reason: StopReason };

export type ConnectionEvent =
  | { readonly type: "start" }
  | { readonly type: "stop" }
  | { readonly type: "frame"; readonly frame: ServerFrame }
  /** `random` is in [0, 1): it spreads the attempts of many pages. */
  | { readonly type: "closed"; readonly code: number; readonly random: number }
  | { readonly type: "silent"; readonly random: number }
  | { readonly type: "retry" }
  | { readonly type: "offline" }
  | { readonly type: "online" }
  /** A request beside the socket learned that trying again is of no use. */
  | { readonly type: "refused"; readonly reason: StopReason };

export type Effect =
  | { readonly do: "open"; readonly cursor: string | undefined }
  | { readonly do: "close" }
  | { readonly do: "wait"; readonly ms: number }
  /** Report `silent` unless another `watch` comes within that time. */
  | { readonly do: "watch"; readonly ms: number }
  | { readonly do: "rest" }
  /** Browsers hide why a socket was refused: ask the session over HTTP. */
  | { readonly do: "ask-why" };

type StateName = ConnectionState["name"];
type EventName = ConnectionEvent["type"];
type StateOf<N extends StateName> = Extract<ConnectionState, { name: N }>;
type EventOf<N extends EventName> = Extract<ConnectionEvent, { type: N }>;
export type Step = readonly [state: ConnectionState, effects: readonly Effect[]];
type Table = {
  readonly [S in StateName]: {
    readonly [E in EventName]: (state: StateOf<S>, event: EventOf<E>) => Step;
  };
};

const firstWaitMs = 400;
const longestWaitMs = 15_000;
/** Of a socket that connects but says nothing. */
const helloWaitMs = 10_000;

const stay = (state: ConnectionState): Step => [state, []];
const end = (): Step => [{ name: "idle" }, [{ do: "close" }, { do: "rest" }]];
const goOffline = (state: { cursor: string | undefined }): Step => [
  { name: "offline", cursor: state.cursor },
  [{ do: "close" }, { do: "rest" }],
];
const refuse = (state: { cursor?: string | undefined }, event: EventOf<"refused">): Step => [
  { name: "stopped", cursor: state.cursor, reason: event.reason },
  [{ do: "close" }, { do: "rest" }],
];

/** One step of the machine. The effects are to be carried out in order. */
export function step(state: ConnectionState, event: ConnectionEvent): Step {
  const take = table[state.name][event.type] as (s: ConnectionState, e: ConnectionEvent) => Step;
  return take(state, event);
}

const table: Table = {
  idle: {
    start: () => connect(undefined, 0),
    stop: stay,
    frame: stay,
    closed: stay,
    silent: stay,
    retry: stay,
    offline: stay,
    online: stay,
    refused: stay,
  },
  connecting: {
    start: stay,
    stop: end,
    frame: (state, { frame }) =>
      frame.type === "hello"
        ? opened(frame.cursor, frame.heartbeat_s)
        : frame.type === "bye"
          ? farewell(state, frame.code, state.attempt)
          : stay(state),
    closed: (state, event) => cut(state, event, state.attempt),
    silent: (state, { random }) =>
      later(state, { attempt: state.attempt, random }, [{ do: "close" }]),
    retry: stay,
    offline: goOffline,
    online: stay,
    refused: refuse,
  },
  open: {
    start: stay,
    stop: end,
    frame: (state, { frame }) => {
      if (frame.type === "bye") return farewell(state, frame.code, 0);
      if (frame.type === "hello") return opened(frame.cursor, frame.heartbeat_s);
      if (frame.type === "subscribed") return [state, [{ do: "watch", ms: state.silenceMs }]];
      return [{ ...state, cursor: frame.cursor }, [{ do: "watch", ms: state.silenceMs }]];
    },
    closed: (state, event) => cut(state, event, 0),
    silent: (state, { random }) => later(state, { attempt: 0, random }, [{ do: "close" }]),
    retry: stay,
    offline: goOffline,
    online: stay,
    refused: refuse,
  },
  waiting: {
    start: (state) => connect(state.cursor, state.attempt),
    stop: end,
    frame: stay,
    // The socket whose goodbye brought us here closes now; only then is the pause measured.
    closed: (state, event) => (state.waitMs > 0 ? stay(state) : cut(state, event, state.attempt)),
    silent: stay,
    retry: (state) => connect(state.cursor, state.attempt),
    offline: goOffline,
    online: (state) => connect(state.cursor, 0),
    refused: refuse,
  },
  offline: {
    start: stay,
    stop: end,
    frame: stay,
    closed: stay,
    silent: stay,
    retry: stay,
    offline: stay,
    online: (state) => connect(state.cursor, 0),
    refused: refuse,
  },
  stopped: {
    start: (state) => connect(state.cursor, 0),
    stop: end,
    frame: stay,
    closed: stay,
    silent: stay,
    retry: stay,
    offline: stay,
    online: stay,
    refused: stay,
  },
};

function connect(cursor: string | undefined, attempt: number): Step {
  return [
    { name: "connecting", cursor, attempt },
    [{ do: "rest" }, { do: "open", cursor }, { do: "watch", ms: helloWaitMs }],
  ];
}

function opened(cursor: string, heartbeatSeconds: number): Step {
  const silenceMs = Math.max(1, heartbeatSeconds) * 2_500;
  return [{ name: "open", cursor, silenceMs }, [{ do: "watch", ms: silenceMs }]];
}

/** `bye` comes before the close; what it says decides whether the close is worth a new attempt. */
function farewell(state: { cursor: string | undefined }, code: CloseReason, attempt: number): Step {
  const reason = stopReasonOf(closeReasons[code]);
  if (reason !== undefined) return refuse(state, { type: "refused", reason });
  return [
    { name: "waiting", cursor: state.cursor, attempt, waitMs: 0, reason: code },
    [
      { do: "watch", ms: helloWaitMs },
      { do: "wait", ms: firstWaitMs * 5 },
    ],
  ];
}

function cut(
  state: { cursor: string | undefined; reason?: CloseReason | undefined },
  event: EventOf<"closed">,
  attempt: number,
): Step {
  const reason = stopReasonOf(event.code);
  if (reason !== undefined) return refuse(state, { type: "refused", reason });
  const pause = { attempt, random: event.random, said: state.reason };
  return later(state, pause, [{ do: "ask-why" }]);
}

function later(
  state: { cursor: string | undefined },
  pause: { attempt: number; random: number; said?: CloseReason | undefined },
  effects: readonly Effect[],
): Step {
  const waitMs = pauseMs(pause.attempt, pause.random);
  return [
    {
      name: "waiting",
      cursor: state.cursor,
      attempt: pause.attempt + 1,
      waitMs,
      reason: pause.said,
    },
    [{ do: "rest" }, ...effects, { do: "wait", ms: waitMs }],
  ];
}

/** Doubling, at most 15 s; half of it fixed and half by chance. */
export function pauseMs(attempt: number, random: number): number {
  const whole = Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(attempt, 10));
  return Math.round(whole / 2 + (whole / 2) * random);
}

function stopReasonOf(code: number): StopReason | undefined {
  if (code === closeReasons.key_revoked) return "unauthenticated";
  if (code === closeReasons.forbidden) return "forbidden";
  return code === closeReasons.bad_frame ? "bad_frame" : undefined;
}
