import type { Client, Connection, Submittable } from "pg";

/** `copy ... from stdin` through the existing driver, which supports the protocol but has no method for it. */
export function copyRows(client: Client, statement: string, rows: Iterable<string>): Promise<void> {
  return new Promise((resolve, reject) => {
    const source = rows[Symbol.iterator]();
    const copy = {
      submit(connection: Connection) {
        connection.query(statement);
      },
      handleCopyInResponse(connection: Connection & CopyIn) {
        for (let next = source.next(); next.done !== true; next = source.next()) {
          connection.sendCopyFromChunk(Buffer.from(next.value));
        }
        connection.endCopyFrom();
      },
      handleCommandComplete() {},
      handleError(error: Error) {
        reject(error);
      },
      handleReadyForQuery() {
        resolve();
      },
    };
    client.query(copy as unknown as Submittable);
  });
}

interface CopyIn {
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}
