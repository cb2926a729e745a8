/** Answers what never became a request: bytes that Node's parser refuses, and what came too late. */
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { ErrorCode } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import { problemAnswer } from "./problems.ts";

/** What Node gives to `clientError`. `rawPacket` is a Buffer, although Fastify types it otherwise. */
interface ClientError {
  readonly code?: string;
  readonly bytesParsed?: number;
  readonly rawPacket?: unknown;
}

const codes: Readonly<Record<string, ErrorCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: "request_timeout",
  HPE_HEADER_OVERFLOW: "headers_too_large",
  HPE_CHUNK_EXTENSIONS_OVERFLOW: "too_large",
  HPE_INVALID_VERSION: "http_version_not_supported",
  HPE_PAUSED_H2_UPGRADE: "http_version_not_supported",
};

/** Writes the problem document for `error` and ends the connection. */
export function answerClientError(error: ClientError, socket: Duplex): void {
  endWith(socket, problemOf(error));
}

/** Ends a connection with a problem document where there is no response object to write it. */
export function endWith(socket: Duplex, problem: WeirError): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const { status, headers, body } = problemAnswer(problem);
  const lines = Object.entries({
    ...headers,
    "content-length": String(Buffer.byteLength(body)),
    connection: "close",
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}\r\n${body}`);
}

function problemOf(error: ClientError): WeirError {
  const known = codes[error.code ?? ""];
  if (known !== undefined) return new WeirError(known);
  if (error.code === "HPE_INVALID_METHOD" && isRequestLine(error)) {
    return new WeirError("not_implemented", { detail: "the method is unknown" });
  }
  return new WeirError("malformed_request");
}

/** Whether only the method of the line is wrong: a token (RFC 9110, 5.6.2) that Node does not know. */
function isRequestLine({ rawPacket, bytesParsed = 0 }: ClientError): boolean {
  if (!Buffer.isBuffer(rawPacket)) return false;
  const start = bytesParsed === 0 ? 0 : rawPacket.lastIndexOf("\n", bytesParsed - 1) + 1;
  const line = rawPacket.subarray(start, start + 8_192).toString("latin1");
  return /^[!#$%&'*+.^_`|~\w-]+ \S+ HTTP\/1\.[01]\r?\n/.test(line);
}
