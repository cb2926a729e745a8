/** The interfaces that the gateway needs; compose/ passes them in. */
import type { IncomingHttpHeaders } from "node:http";
import type { CloseReason } from "@weir/protocol";
import type { Principal } from "../../core/access/principal.ts";
import type { Notifications } from "../../core/ports/database.ts";
import type { LiveLog } from "../../core/ports/live-log.ts";

/** The HTTP request that asks for an upgrade. */
export interface UpgradeRequest {
  readonly headers: IncomingHttpHeaders;
  /** What follows the `?` of the URL, as it was sent. */
  readonly query: string;
}

/** One open WebSocket; the websocket adapter provides it. */
export interface LiveSocket {
  /** Writes encoded frames (see `encodeFrame`); never blocks. */
  write(frames: Buffer): void;
  /** Bytes written but not yet passed to the network. */
  readonly backlogBytes: number;
  ping(): void;
  /** Sends a close frame after what is written; ends the connection if the peer does not answer. */
  close(code: number, reason: string): void;
  /** Ends the connection at once. */
  terminate(): void;
}

/** Events of the socket. `text` is undefined for a binary message. */
export interface SocketListener {
  message(text: string | undefined): void;
  pong(): void;
  closed(): void;
}

export interface GatewayOptions {
  readonly log: LiveLog;
  readonly notifications: Notifications;
  /**
   * Authenticates by the headers of the request; called again every second while the socket is open.
   * @throws WeirError `unauthenticated`, `key_malformed`, `key_expired`, `key_revoked`
   */
  readonly authorise: (request: UpgradeRequest) => Promise<Principal>;
  /** Notifies of changes of services, keys and permissions, so that they apply at once. */
  readonly onDirectoryChange?: (wake: () => void) => () => void;
  /** Encodes a text message as an unmasked WebSocket frame, once for all sockets. */
  readonly encodeFrame: (text: string) => Buffer;
  /** Other origins whose pages may open a feed with a session cookie. */
  readonly allowedOrigins: readonly string[];
  readonly limits?: Partial<GatewayLimits>;
  readonly now?: () => number;
}

export interface GatewayLimits {
  readonly sockets: number;
  readonly socketsPerKey: number;
  /** How far a cursor may be behind, in events and ms; more is a `gap`. */
  readonly replayEvents: number;
  readonly replayMs: number;
  readonly backlogBytes: number;
  readonly heartbeatMs: number;
  readonly recheckMs: number;
  readonly pollMs: number;
  /** Minimum time between two reads of the log, so that many commits are read in groups. */
  readonly readEveryMs: number;
}

/** Counters since the start, and open sockets: for metrics. */
export interface GatewayStats {
  readonly sockets: number;
  readonly frames: number;
  readonly events: number;
  readonly gaps: number;
  readonly closed: Readonly<Record<CloseReason | "peer" | "dead", number>>;
}
