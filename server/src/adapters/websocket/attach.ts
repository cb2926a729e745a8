/** WebSockets on an HTTP server that another adapter owns. The only importer of `ws`. */
import type { IncomingHttpHeaders, IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { liveFeed } from "@weir/protocol";
import { type WebSocket, WebSocketServer } from "ws";
import { WeirError } from "../../core/errors.ts";

export interface Upgrade {
  readonly headers: IncomingHttpHeaders;
  /** What follows the `?` of the URL, as it was sent. */
  readonly query: string;
}

export interface Connection {
  write(frames: Buffer): void;
  readonly backlogBytes: number;
  ping(): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

export interface ConnectionListener {
  message(text: string | undefined): void;
  pong(): void;
  closed(): void;
}

export interface WebSocketHandler {
  readonly path: string;
  /** Decides before the upgrade; what it throws is answered over HTTP by `refuse`. */
  accept(upgrade: Upgrade): Promise<{
    open(connection: Connection): ConnectionListener;
    abandon(): void;
  }>;
  /** Answers for what `accept` threw, and for `undefined`: an unknown path. Closes the socket. */
  refuse(socket: Duplex, error: unknown): void;
}

/** `accept` may query PostgreSQL; a client waits no longer than this for an answer. */
const acceptTimeoutMs = 5_000;
/** How long a peer may take to answer our close frame. */
const closePatienceMs = 5_000;

/**
 * Accepts upgrades of `handler.path` until the returned function is called. The handler owns the open
 * sockets.
 */
export function attach(server: Server, handler: WebSocketHandler): () => void {
  const acceptor = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: liveFeed.maxFrameBytes,
    // compression keeps 300 KiB per socket and would be repeated for each of them
    perMessageDeflate: false,
  });
  // without a listener ws would answer in a form of its own
  acceptor.on("wsClientError", (error, socket) => handler.refuse(socket, badHandshake(error)));
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // without a listener a reset during `accept` ends the process
    socket.on("error", () => socket.destroy());
    void upgrade({ acceptor, handler, request, socket, head });
  };
  server.on("upgrade", onUpgrade);
  return () => server.off("upgrade", onUpgrade);
}

/** A whole text message as an unmasked frame (RFC 6455, 5.2): the same bytes for every socket. */
export function encodeFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const head = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(head + length);
  frame[0] = 0x81;
  if (head === 2) {
    frame[1] = length;
  } else if (head === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.write(text, head);
  return frame;
}

interface UpgradeAttempt {
  readonly acceptor: WebSocketServer;
  readonly handler: WebSocketHandler;
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

async function upgrade({
  acceptor,
  handler,
  request,
  socket,
  head,
}: UpgradeAttempt): Promise<void> {
  const timer = setTimeout(() => socket.destroy(), acceptTimeoutMs);
  try {
    const [path, query = ""] = pathAndQuery(request.url ?? "/");
    if (path !== handler.path) {
      handler.refuse(socket, undefined);
      return;
    }
    const admission = await handler.accept({
      headers: request.headers,
      query,
    });
    if (socket.destroyed || !socket.writable) {
      admission.abandon();
      return;
    }
    socket.once("close", admission.abandon);
    acceptor.handleUpgrade(request, socket, head, (webSocket) => {
      socket.off("close", admission.abandon);
      listen(webSocket, socket, admission.open);
    });
  } catch (error) {
    handler.refuse(socket, error);
  } finally {
    clearTimeout(timer);
  }
}

function listen(
  webSocket: WebSocket,
  socket: Duplex,
  open: (connection: Connection) => ConnectionListener,
): void {
  let patience: NodeJS.Timeout | undefined;
  const listener = open({
    // ws writes whole frames to the same stream, so frames encoded elsewhere fit in between
    write: (frames) => {
      if (webSocket.readyState === webSocket.OPEN) socket.write(frames);
    },
    get backlogBytes() {
      return webSocket.bufferedAmount;
    },
    ping: () => webSocket.ping(),
    close: (code, reason) => {
      webSocket.close(code, reason);
      patience ??= setTimeout(() => webSocket.terminate(), closePatienceMs);
    },
    terminate: () => webSocket.terminate(),
  });
  webSocket.on("message", (data, isBinary) => {
    listener.message(isBinary ? undefined : String(data));
  });
  webSocket.on("pong", () => listener.pong());
  // for frames that violate the protocol or its limits, ws itself sends the right close code
  webSocket.on("error", () => undefined);
  webSocket.on("close", () => {
    clearTimeout(patience);
    listener.closed();
  });
}

function badHandshake({ message }: Error): WeirError {
  if (!/version/i.test(message)) return new WeirError("malformed_request", { detail: message });
  return new WeirError("upgrade_required", {
    detail: message,
    headers: { upgrade: "websocket", "sec-websocket-version": "13, 8" },
  });
}

/** Of a target in origin or absolute form. */
function pathAndQuery(target: string): string[] {
  const path = target.startsWith("/") ? target : target.replace(/^\w+:\/\/[^/?]*/, "");
  const at = path.indexOf("?");
  return at < 0 ? [path] : [path.slice(0, at), path.slice(at + 1)];
}
