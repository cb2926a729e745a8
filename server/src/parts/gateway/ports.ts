/** What the gateway asks of the others; `compose` hands it in. */
import type { IncomingHttpHeaders } from "node:http";
import type { CloseReason } from "@weir/protocol";
import type { Principal } from "../../core/access/principal.ts";
import type { Notifications } from "../../core/ports/database.ts";
import type { LiveLog } from "../../core/ports/live-log.ts";

/** The HTTP request that wants to become a live feed. */
export interface UpgradeRequest {
  readonly headers: IncomingHttpHeaders;
  readonly query: URLSearchParams;
  readonly ip: string;
}

/** One open WebSocket. `websocket/` provides it. */
export interface LiveSocket {
  /** Ready frames (see `encodeFrame`); never blocks. */
  write(frames: Buffer): void;
  /** Bytes written and not yet taken by the network. */
  readonly backlogBytes: number;
  ping(): void;
  /** Sends a close frame behind what is written, and cuts the connection if the peer does not answer. */
  close(code: number, reason: string): void;
  /** Cuts the connection now. */
  terminate(): void;
}

/** What the socket tells. `text` is undefined for a binary message. */
export interface SocketListener {
  message(text: string | undefined): void;
  pong(): void;
  closed(): void;
}

export interface GatewayOptions {
  readonly log: LiveLog;
  readonly notifications: Notifications;
  /**
   * Who asks, by the request's headers; asked again every second while the socket is open.
   * @throws WeirError `unauthenticated`, `key_malformed`, `key_expired`, `key_revoked`
   */
  readonly authorise: (request: UpgradeRequest) => Promise<Principal>;
  /** Tells of changes of services, keys and permissions, so that they count at once. */
  readonly onDirectoryChange?: (wake: () => void) => () => void;
  /** Text message -> the bytes of an unmasked WebSocket frame, made once for all sockets. */
  readonly encodeFrame: (text: string) => Buffer;
  /** Origins besides our own whose pages may open a feed with a session cookie. */
  readonly allowedOrigins: readonly string[];
  readonly limits?: Partial<GatewayLimits>;
  readonly now?: () => number;
}

export interface GatewayLimits {
  readonly sockets: number;
  readonly socketsPerKey: number;
  /** What a cursor may be behind: events and milliseconds; more is a `gap`. */
  readonly replayEvents: number;
  readonly replayMs: number;
  readonly backlogBytes: number;
  readonly heartbeatMs: number;
  readonly recheckMs: number;
  readonly pollMs: number;
  /** Least time between two reads of the log, so that a storm of commits is read in groups. */
  readonly readEveryMs: number;
}

/** Counters since the start, and sockets now: for metrics. */
export interface GatewayStats {
  readonly sockets: number;
  readonly frames: number;
  readonly events: number;
  readonly gaps: number;
  readonly closed: Readonly<Record<CloseReason | "peer" | "dead", number>>;
}
