/** WebSockets on an HTTP server that another adapter owns. The only importer of `ws`. */
import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  STATUS_CODES,
} from "node:http";
import type { Duplex } from "node:stream";
import { liveFeed } from "@weir/protocol";
import { type WebSocket, WebSocketServer } from "ws";

export interface Upgrade {
  readonly headers: IncomingHttpHeaders;
  readonly query: URLSearchParams;
  readonly ip: string;
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
  /** Decides before the upgrade; what it throws is answered over HTTP by `problem`. */
  accept(upgrade: Upgrade): Promise<{
    open(connection: Connection): ConnectionListener;
    abandon(): void;
  }>;
  /** The HTTP answer for what `accept` threw, and for `undefined`: an unknown path. */
  problem(error: unknown): {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  };
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
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // without a listener a reset during `accept` ends the process
    socket.on("error", () => socket.destroy());
    void upgrade({ acceptor, handler, request, socket, head });
  };
  // Clients that offer another protocol on plain requests (h2c) continue in HTTP/1.1, and so do
  // upgrades with two Host headers: the HTTP server refuses them.
  const upgrading = server as Server & {
    shouldUpgradeCallback?: (request: IncomingMessage) => boolean;
  };
  upgrading.shouldUpgradeCallback = ({ headers, headersDistinct }) =>
    headers.upgrade?.toLowerCase() === "websocket" && headersDistinct.host?.length === 1;
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
    const url = new URL(request.url ?? "/", "http://weir.invalid");
    if (url.pathname !== handler.path) {
      refuse(socket, handler.problem(undefined));
      return;
    }
    const admission = await handler.accept({
      headers: request.headers,
      query: url.searchParams,
      ip: request.socket.remoteAddress ?? "",
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
    refuse(socket, handler.problem(error));
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

function refuse(socket: Duplex, answer: ReturnType<WebSocketHandler["problem"]>): void {
  if (socket.destroyed || !socket.writable) return;
  const headers = {
    ...answer.headers,
    "content-length": String(Buffer.byteLength(answer.body)),
    connection: "close",
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status]}\r\n${lines.join("")}\r\n${answer.body}`,
  );
}
