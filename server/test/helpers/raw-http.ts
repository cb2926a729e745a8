/** An HTTP client that sends bytes as they are and reads what comes back, for tests of framing. */
import { connect, type Socket } from "node:net";
import type { CleanUp } from "../../../testing/database.ts";
import { until } from "../../../testing/until.ts";

export interface Answer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * The whole answers at the start of what was read, in order. `methods` are those of the requests, as
 * answers to HEAD have no body; interim answers (1xx) are answers of their own.
 * @throws when bytes that are no answer come where one should start
 */
function parseAnswers(bytes: Buffer, methods: readonly string[] = []): Answer[] {
  const answers: Answer[] = [];
  let finals = 0;
  let at = 0;
  while (at < bytes.length) {
    const end = bytes.indexOf("\r\n\r\n", at);
    if (end < 0) break;
    const [line = "", ...lines] = bytes.toString("latin1", at, end).split("\r\n");
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(line)?.[1]);
    if (Number.isNaN(status)) throw new Error(`no answer: ${JSON.stringify(line.slice(0, 200))}`);
    const headers = Object.fromEntries(
      lines.map((header) => {
        const colon = header.indexOf(":");
        return [header.slice(0, colon).toLowerCase(), header.slice(colon + 1).trim()];
      }),
    );
    const start = end + 4;
    const isInterim = status < 200;
    const isHead = !isInterim && methods[finals] === "HEAD";
    const body = isInterim || isHead || status === 204 ? 0 : bodyLength(bytes, start, headers);
    if (body === undefined || start + body > bytes.length) break;
    answers.push({ status, headers, body: bytes.toString("latin1", start, start + body) });
    if (!isInterim) finals++;
    at = start + body;
  }
  return answers;
}

function bodyLength(
  bytes: Buffer,
  start: number,
  headers: Readonly<Record<string, string>>,
): number | undefined {
  const length = headers["content-length"];
  if (length !== undefined) return Number(length);
  if (headers["transfer-encoding"] !== "chunked") return bytes.length - start;
  const end = bytes.indexOf("0\r\n\r\n", start);
  return end < 0 ? undefined : end + 5 - start;
}

/** A connection; it is destroyed after the test. */
export class RawConnection {
  readonly socket: Socket;
  readonly methods: readonly string[];
  #chunks: Buffer[] = [];
  #isClosed = false;

  constructor(t: CleanUp, port: number, methods: readonly string[] = []) {
    this.methods = methods;
    this.socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    this.socket.setNoDelay(true);
    this.socket.on("data", (chunk: Buffer) => this.#chunks.push(chunk));
    this.socket.on("error", () => undefined);
    this.socket.on("end", () => this.socket.end());
    this.socket.on("close", () => {
      this.#isClosed = true;
    });
    t.after(() => void this.socket.destroy());
  }

  get received(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get answers(): Answer[] {
    return parseAnswers(this.received, this.methods);
  }

  get statuses(): number[] {
    return this.answers.map(({ status }) => status);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  write(bytes: string | Buffer): void {
    if (!this.socket.destroyed) this.socket.write(bytes);
  }

  /** Sends each part in a packet of its own. */
  async writeParts(parts: readonly Buffer[]): Promise<void> {
    for (const part of parts) {
      if (this.socket.destroyed || !this.socket.writable) return;
      await new Promise((resolve) => this.socket.write(part, resolve));
      // a turn of the event loop on either side, so that the server reads the part by itself
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Waits for this many whole answers, 1xx included. */
  async answered(count: number): Promise<Answer[]> {
    await until(() => this.answers.length >= count || this.#isClosed, {
      what: `${count} answers`,
      everyMs: 2,
    });
    return this.answers;
  }

  async closed(): Promise<Answer[]> {
    await until(() => this.#isClosed, {
      what: () => `the server to close; so far ${this.statuses.join(", ")}`,
      everyMs: 2,
    });
    return this.answers;
  }
}

/** Sends bytes on a connection of their own and reads until the server closes it. */
export async function exchange(
  t: CleanUp,
  port: number,
  { bytes, methods, half }: { bytes: string | Buffer; methods?: string[]; half?: boolean },
): Promise<Answer[]> {
  const connection = new RawConnection(t, port, methods);
  connection.write(bytes);
  if (half === true) connection.socket.end();
  return connection.closed();
}
