/** The states, events and effects of the machine in `connection.ts`. */
import type { CloseReason, ServerFrame } from "@weir/protocol";

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
      /** The reason of the server's `bye`, if there was one. */
      readonly reason: CloseReason | undefined;
    }
  | { readonly name: "offline"; readonly cursor: string | undefined }
  | { readonly name: "stopped"; readonly cursor: string | undefined; readonly reason: StopReason };

export type ConnectionEvent =
  | { readonly type: "start" }
  | { readonly type: "stop" }
  | { readonly type: "frame"; readonly frame: ServerFrame }
  /** `random` is in [0, 1): it spreads the attempts of many pages over time. */
  | { readonly type: "closed"; readonly code: number; readonly random: number }
  | { readonly type: "silent"; readonly random: number }
  | { readonly type: "retry" }
  | { readonly type: "offline" }
  | { readonly type: "online" }
  /** An HTTP request has shown that reconnecting cannot help. */
  | { readonly type: "refused"; readonly reason: StopReason };

export type Effect =
  | { readonly do: "open"; readonly cursor: string | undefined }
  | { readonly do: "close" }
  | { readonly do: "wait"; readonly ms: number }
  /** Report `silent` unless another `watch` comes within that time. */
  | { readonly do: "watch"; readonly ms: number }
  | { readonly do: "rest" }
  /** Browsers hide why a socket was refused: read the session over HTTP. */
  | { readonly do: "find-reason" };

export type StateName = ConnectionState["name"];
export type EventName = ConnectionEvent["type"];
export type StateOf<N extends StateName> = Extract<ConnectionState, { name: N }>;
export type EventOf<N extends EventName> = Extract<ConnectionEvent, { type: N }>;
export type Step = readonly [state: ConnectionState, effects: readonly Effect[]];
