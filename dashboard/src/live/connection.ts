/**
 * The reconnecting reader of the live feed as a pure state machine. The table is total: every state
 * defines what every event does. Effects are data; `live-socket.ts` carries them out.
 *
 * | state | meaning |
 * |---|---|
 * | idle | the feed is not in use |
 * | connecting | a socket is being opened, from the last cursor if there is one |
 * | open | `hello` has arrived; silence longer than 2.5 heartbeats counts as disconnected |
 * | waiting | disconnected; the next attempt follows after a growing pause with jitter |
 * | offline | the browser has no network, and reports when it has one again |
 * | stopped | reconnecting cannot help: no session, no permission, or a client that must be fixed |
 */
import type {
  ConnectionEvent,
  ConnectionState,
  EventName,
  EventOf,
  StateName,
  StateOf,
  Step,
} from "./connection-state.ts";
import {
  connect,
  disconnected,
  end,
  farewell,
  goOffline,
  later,
  opened,
  refuse,
  stay,
} from "./connection-steps.ts";

type Table = {
  readonly [S in StateName]: {
    readonly [E in EventName]: (state: StateOf<S>, event: EventOf<E>) => Step;
  };
};

/** One step of the machine. Its effects must be carried out in order. */
export function step(state: ConnectionState, event: ConnectionEvent): Step {
  const transition = table[state.name][event.type] as (
    s: ConnectionState,
    e: ConnectionEvent,
  ) => Step;
  return transition(state, event);
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
    closed: (state, event) => disconnected(state, event, state.attempt),
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
    closed: (state, event) => disconnected(state, event, 0),
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
    // After a `bye` the socket closes, and only then the pause begins.
    closed: (state, event) =>
      state.waitMs > 0 ? stay(state) : disconnected(state, event, state.attempt),
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
