/**
 * What the server knows about its open connections: their number, the request that each is busy with,
 * and how each of them ends. Node's parser reads on while earlier requests are being answered, so
 * whatever ends a connection has to wait for the answers that come before it.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { WeirError } from "../../core/errors.ts";
import { failBody } from "./body.ts";
import { type ClientError, problemOf, problemText } from "./broken-connection.ts";
import { closeLingering, type LingeringClose } from "./lingering-close.ts";

export interface ConnectionOptions {
  readonly maxConnections: number;
  /** How long a client may take to read more of its answer, in milliseconds. */
  readonly stallMs: number;
}

export interface Connections {
  /** Notes a request. False if its connection is ending: the request is then not answered. */
  enter(request: IncomingMessage, response: ServerResponse): boolean;
  /** The answer of this request is the connection's last. */
  endAfter(request: IncomingMessage): void;
  /** Connections with a request that is not answered, or that have not sent their first one yet. */
  readonly unanswered: number;
  /** Whether an earlier request of the connection is still being answered. */
  isBusy(socket: Duplex): boolean;
  /** Answers `problem` after the answers that are due, and closes the connection. */
  refuse(socket: Duplex, problem: WeirError): void;
  /** For `clientError`: bytes that Node's parser refuses, and requests that came too late. */
  broken(socket: Duplex, error: ClientError): void;
  /** Calls `abort` once the client has disconnected, until the response is complete. */
  onDisconnect(response: ServerResponse, request: IncomingMessage, abort: () => void): void;
}

interface Connection {
  readonly socket: Socket;
  /** The latest request that was parsed, and its response. */
  request: IncomingMessage | undefined;
  response: ServerResponse | undefined;
  isEnding: boolean;
  /** Set once the server has closed its side. */
  lingering: LingeringClose | undefined;
  /** Whether `limitStall` has set the socket's time limit. */
  isLimited: boolean;
  /** What to abort when the client closes its side. */
  readonly waiting: Set<() => void>;
}

/** Twice a second: a time limit is then kept to within half a second. */
export const connectionCheckMs = 500;
/**
 * A client that closes its side may still read the answer, or may be gone: TCP does not say which. Its
 * queries run on for this long.
 */
const halfClosedMs = 2_000;

/** Follows the connections of `server`, which must not have any yet. */
export function followConnections(server: Server, options: ConnectionOptions): Connections {
  const connections = new Map<Duplex, Connection>();

  server.on("connection", (socket) => {
    const isOneTooMany = connections.size >= options.maxConnections;
    const connection: Connection = {
      socket,
      request: undefined,
      response: undefined,
      isEnding: isOneTooMany,
      lingering: undefined,
      isLimited: false,
      waiting: new Set(),
    };
    connections.set(socket, connection);
    // Node calls it after the last answer
    socket.destroySoon = () => close(connection);
    socket.once("close", () => {
      connections.delete(socket);
      for (const abort of connection.waiting) abort();
    });
    socket.once("end", () => {
      if (connection.waiting.size === 0) return;
      const abortAll = () => {
        for (const abort of connection.waiting) abort();
      };
      setTimeout(abortAll, halfClosedMs).unref();
    });
    if (isOneTooMany) close(connection, tooManyConnections(options.maxConnections));
  });
  const check = setInterval(() => {
    const nowMs = performance.now();
    for (const connection of connections.values()) {
      limitStall(connection, options.stallMs);
      connection.lingering?.check(nowMs);
    }
  }, connectionCheckMs);
  check.unref();
  server.once("close", () => clearInterval(check));

  const end = (connection: Connection, problem: WeirError | undefined) => {
    if (connection.isEnding) return;
    connection.isEnding = true;
    const { response } = connection;
    const finish = () => close(connection, problem);
    if (response === undefined || isAnswered(response)) finish();
    else response.once("close", finish);
  };

  return {
    enter(request, response) {
      const connection = connections.get(request.socket);
      if (connection === undefined || connection.isEnding) return false;
      connection.request = request;
      connection.response = response;
      return true;
    },
    endAfter(request) {
      const connection = connections.get(request.socket);
      if (connection !== undefined) connection.isEnding = true;
    },
    get unanswered() {
      let count = 0;
      for (const { response, isEnding } of connections.values()) {
        if (response === undefined ? !isEnding : !isAnswered(response)) count += 1;
      }
      return count;
    },
    isBusy(socket) {
      const response = connections.get(socket)?.response;
      return response !== undefined && !isAnswered(response);
    },
    refuse(socket, problem) {
      const connection = connections.get(socket);
      if (connection === undefined) socket.destroy();
      else end(connection, problem);
    },
    broken(socket, error) {
      const connection = connections.get(socket);
      if (connection?.lingering !== undefined) return; // what is discarded need not be HTTP
      if (connection === undefined || !socket.writable) {
        socket.destroy();
        return;
      }
      if (connection.isEnding) return;
      const { request, response } = connection;
      // it follows a request with "Connection: close": no client waits for an answer
      if (error.code === "HPE_CLOSED_CONNECTION") {
        end(connection, undefined);
        return;
      }
      const problem = problemOf(error);
      if (request === undefined || response === undefined || request.complete) {
        end(connection, problem);
        return;
      }
      // The broken bytes belong to the body of the latest request. The reader of the body answers with the problem;
      // if it has been answered, or the body is not read, there is nothing to add.
      if (!response.headersSent) response.shouldKeepAlive = false;
      end(connection, undefined);
      failBody(request, problem);
    },
    onDisconnect(response, request, abort) {
      const waiting = connections.get(request.socket)?.waiting;
      if (waiting === undefined) {
        abort();
        return;
      }
      waiting.add(abort);
      response.once("close", () => waiting.delete(abort));
    },
  };
}

/** Closes the server's side, after the text of `problem`. */
function close(connection: Connection, problem?: WeirError): void {
  const { socket } = connection;
  if (connection.lingering !== undefined) return;
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  connection.isEnding = true;
  connection.lingering = closeLingering(socket, {
    last: problem && problemText(problem),
    nowMs: performance.now(),
  });
}

function isAnswered(response: ServerResponse): boolean {
  return response.writableFinished;
}

/**
 * Destroys a connection whose client reads nothing of its answer for `stallMs`. Node restarts a
 * socket's time limit at every write that makes progress.
 */
function limitStall(connection: Connection, stallMs: number): void {
  const { socket, response, isLimited } = connection;
  const isStuck = socket.writableLength > 0;
  if (isStuck === isLimited) return;
  connection.isLimited = isStuck;
  if (isStuck) socket.setTimeout(stallMs);
  // between two requests Node has set its limit for idle connections
  else if (response !== undefined && !isAnswered(response)) socket.setTimeout(0);
}

function tooManyConnections(most: number): WeirError {
  return new WeirError("overloaded", {
    detail: `the server already has ${most} connections; close idle ones, or raise http.max_connections`,
    retryAfterSeconds: 1,
  });
}
