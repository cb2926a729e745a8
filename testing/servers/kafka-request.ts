/** One request of Kafka's protocol, written by hand: the health check must not depend on the client under test. */
import { exchange } from "./exchange.ts";

const metadataKey = 3;
const version = 1;

/** The brokers that the cluster has unfenced, by a Metadata request; rejects after `timeoutMs`. */
export async function countBrokers(port: number, timeoutMs = 2_000): Promise<number> {
  const answer = await exchange({
    port,
    request: metadataRequest(),
    isWhole: (received) => received.length >= 4 && received.length >= 4 + received.readInt32BE(0),
    timeoutMs,
  });
  // after the size and the correlation id: the array of brokers
  return answer.readInt32BE(8);
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
