/** One exchange of the raw-socket suite: bytes that a client may send, and the answers they must get. */
export interface HttpCase {
  readonly name: string;
  readonly bytes: Buffer;
  /** Of all answers on the connection, 1xx included, in order. */
  readonly statuses: readonly number[];
  readonly methods?: readonly string[];
  /** The client closes its side after the last byte. */
  readonly half?: true;
  /** Other statuses that are right when the bytes come in pieces. */
  readonly inPieces?: readonly number[];
}

/** What requests need to be good ones. */
export interface Access {
  readonly key: string;
}

/** A status, several, or those of a client that does more than to send. */
type Expected =
  | number
  | readonly number[]
  | (Omit<HttpCase, "name" | "bytes" | "statuses"> & {
      readonly statuses: number | readonly number[];
    });

/** Collects cases; bytes are written in Latin-1, so `\xff` is one byte. */
export function caseList() {
  const cases: HttpCase[] = [];
  return {
    cases,
    add(name: string, text: string, expected: Expected) {
      const isPlain = typeof expected === "number" || Array.isArray(expected);
      const options = isPlain ? { statuses: expected } : (expected as { statuses: number });
      const statuses = [options.statuses].flat();
      cases.push({ ...options, name, bytes: Buffer.from(text, "latin1"), statuses });
    },
  };
}

export const host = "Host: weir\r\n";
export const close = "Connection: close\r\n";
/** A request that is answered 200 without a key, and ends the connection. */
export const goodGet = `GET /health/live HTTP/1.1\r\n${host}${close}\r\n`;
export const event = '{"event_type":"hostile.http"}';

export function printable(character: string): string {
  return `0x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}
