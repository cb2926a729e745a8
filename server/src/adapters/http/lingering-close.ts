/**
 * Closes connections in two steps (RFC 9112, 9.6). When a socket is closed while its client is still sending, TCP resets
 * the connection, and the client loses the answer that it has not read yet. So the server closes its own side first,
 * and reads and discards until the client closes too.
 */
import type { Socket } from "node:net";

/** A client that sends nothing for this long has the answer, or is gone. */
const longestSilenceMs = 5_000;
/** After this time the connection ends, whatever the client does. */
const longestMs = 30_000;
const mostBytes = 16 * 1024 * 1024;

export interface LingeringClose {
  /** Destroys the connection once the client has had its time. To be called regularly, with `performance.now()`. */
  check(nowMs: number): void;
}

/** Sends `last`, and closes the server's side of `socket`. */
export function closeLingering(
  socket: Socket,
  { last, nowMs }: { readonly last?: string | undefined; readonly nowMs: number },
): LingeringClose {
  // a socket without a parser, such as that of CONNECT, does not read by itself
  socket.resume();
  if (last === undefined) socket.end();
  else socket.end(last);
  const bytesBefore = socket.bytesRead;
  let bytes = bytesBefore;
  let heardMs = nowMs;
  return {
    check(thenMs) {
      if (socket.bytesRead > bytes) {
        bytes = socket.bytesRead;
        heardMs = thenMs;
      }
      const isOver =
        thenMs - heardMs > longestSilenceMs ||
        thenMs - nowMs > longestMs ||
        bytes - bytesBefore > mostBytes;
      // while the answer is still being sent, the limit for clients that stop reading holds
      if (isOver && socket.writableFinished) socket.destroy();
    },
  };
}
