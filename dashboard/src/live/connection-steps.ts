/** The transitions that the table of `connection.ts` is built from. */
import { type CloseReason, closeReasons } from "@weir/protocol";
import type { ConnectionState, Effect, EventOf, Step, StopReason } from "./connection-state.ts";

const firstWaitMs = 400;
const longestWaitMs = 15_000;
/** For a socket that opens but sends no `hello`. */
const helloWaitMs = 10_000;

export const stay = (state: ConnectionState): Step => [state, []];
export const end = (): Step => [{ name: "idle" }, [{ do: "close" }, { do: "rest" }]];
export const goOffline = (state: { cursor: string | undefined }): Step => [
  { name: "offline", cursor: state.cursor },
  [{ do: "close" }, { do: "rest" }],
];
export const refuse = (state: { cursor?: string | undefined }, event: EventOf<"refused">): Step => [
  { name: "stopped", cursor: state.cursor, reason: event.reason },
  [{ do: "close" }, { do: "rest" }],
];

export function connect(cursor: string | undefined, attempt: number): Step {
  return [
    { name: "connecting", cursor, attempt },
    [{ do: "rest" }, { do: "open", cursor }, { do: "watch", ms: helloWaitMs }],
  ];
}

export function opened(cursor: string, heartbeatSeconds: number): Step {
  const silenceMs = Math.max(1, heartbeatSeconds) * 2_500;
  return [{ name: "open", cursor, silenceMs }, [{ do: "watch", ms: silenceMs }]];
}

/** `bye` precedes the close; its code decides whether to reconnect. */
export function farewell(
  state: { cursor: string | undefined },
  code: CloseReason,
  attempt: number,
): Step {
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

export function disconnected(
  state: { cursor: string | undefined; reason?: CloseReason | undefined },
  event: EventOf<"closed">,
  attempt: number,
): Step {
  const reason = stopReasonOf(event.code);
  if (reason !== undefined) return refuse(state, { type: "refused", reason });
  const pause = { attempt, random: event.random, reason: state.reason };
  return later(state, pause, [{ do: "find-reason" }]);
}

export function later(
  state: { cursor: string | undefined },
  pause: { attempt: number; random: number; reason?: CloseReason | undefined },
  effects: readonly Effect[],
): Step {
  const waitMs = pauseMs(pause.attempt, pause.random);
  return [
    {
      name: "waiting",
      cursor: state.cursor,
      attempt: pause.attempt + 1,
      waitMs,
      reason: pause.reason,
    },
    [{ do: "rest" }, ...effects, { do: "wait", ms: waitMs }],
  ];
}

/** Doubling, at most 15 s; one half is fixed and the other random. */
export function pauseMs(attempt: number, random: number): number {
  const whole = Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(attempt, 10));
  return Math.round(whole / 2 + (whole / 2) * random);
}

function stopReasonOf(code: number): StopReason | undefined {
  if (code === closeReasons.key_revoked) return "unauthenticated";
  if (code === closeReasons.forbidden) return "forbidden";
  return code === closeReasons.bad_frame ? "bad_frame" : undefined;
}
