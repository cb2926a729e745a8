/** One request of Kafka's protocol, written by hand: the health check must not depend on the client under test. */
import { connect } from "node:net";

const metadataKey = 3;
const version = 1;

/** The brokers that the cluster has unfenced, by a Metadata request; rejects after `timeoutMs`. */
export async function countBrokers(port: number, timeoutMs = 2_000): Promise<number> {
  const answer = await exchange(port, metadataRequest(), timeoutMs);
  // after the correlation id: the array of brokers
  return answer.readInt32BE(4);
}

/** About no topic: an empty array, not null, which asks about all. */
function metadataRequest(): Buffer {
  const body = Buffer.alloc(14);
  body.writeInt16BE(metadataKey, 0);
  body.writeInt16BE(version, 2);
  body.writeInt32BE(1, 4);
  body.writeInt16BE(-1, 8);
  body.writeInt32BE(0, 10);
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length);
  return Buffer.concat([size, body]);
}

function exchange(port: number, request: Buffer, timeoutMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1" });
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
      if (received.length < 4 || received.length < 4 + received.readInt32BE(0)) return;
      resolve(received.subarray(4));
      socket.destroy();
    });
    socket.write(request);
  });
}
