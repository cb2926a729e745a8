import { connect } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";

interface ExchangeOptions {
  readonly port: number;
  readonly request: Buffer | string;
  /** Whether these bytes are a whole answer. */
  readonly isWhole: (received: Buffer) => boolean;
  readonly tls?: ConnectionOptions;
  readonly timeoutMs?: number;
}

/** Sends a request to a port of this machine and returns the answer: health checks without a client library. */
export function exchange(options: ExchangeOptions): Promise<Buffer> {
  const { port, request, isWhole, tls, timeoutMs = 2_000 } = options;
  return new Promise((resolve, reject) => {
    const host = "127.0.0.1";
    const socket = tls === undefined ? connect({ port, host }) : connectTls({ port, host, ...tls });
    let received = Buffer.alloc(0);
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(timeoutMs, () => fail(new Error("no answer")));
    socket.on("error", fail);
    socket.on("close", () => reject(new Error("closed")));
    socket.on("data", (data) => {
      received = Buffer.concat([received, data]);
      if (!isWhole(received)) return;
      resolve(received);
      socket.destroy();
    });
    socket.write(request);
  });
}
