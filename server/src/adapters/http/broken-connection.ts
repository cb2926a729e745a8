/** Answers what never became a request: bytes that Node's parser refuses, and what came too late. */
import { STATUS_CODES } from "node:http";
import type { ErrorCode } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import { problemAnswer } from "./problems.ts";

/** What Node gives to `clientError`. `rawPacket` is a Buffer, although Fastify types it otherwise. */
export interface ClientError {
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
/** What is wrong, by the parser's code, where the title alone does not say it. */
const details: Readonly<Record<string, string>> = {
  HPE_INVALID_EOF_STATE: "the connection ended in the middle of a request",
  HPE_INVALID_CONTENT_LENGTH: "Content-Length is not one number",
  HPE_UNEXPECTED_CONTENT_LENGTH: "Content-Length is there twice, or beside Transfer-Encoding",
  HPE_INVALID_TRANSFER_ENCODING: "Transfer-Encoding is not valid, or beside Content-Length",
  HPE_INVALID_CHUNK_SIZE: "the size of a chunk is not valid",
  HPE_INVALID_HEADER_TOKEN: "a header is not valid",
  HPE_INVALID_URL: "the request target is not valid",
  HPE_CHUNK_EXTENSIONS_OVERFLOW: "the extensions of a chunk are too long; send none",
};

/** A whole answer, for connections that have no response object to write it. It is the last one. */
export function problemText(problem: WeirError): string {
  const { status, headers, body } = problemAnswer(problem);
  const lines = Object.entries({
    ...headers,
    "content-length": String(Buffer.byteLength(body)),
    connection: "close",
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}\r\n${body}`;
}

/** The problem to answer for what Node's parser reports. */
export function problemOf(error: ClientError): WeirError {
  const code = error.code ?? "";
  const detail = details[code];
  const about = detail === undefined ? {} : { detail };
  const known = codes[code];
  if (known !== undefined) return new WeirError(known, about);
  if (code === "HPE_INVALID_METHOD" && isRequestLine(error)) {
    return new WeirError("not_implemented", { detail: "the method is unknown" });
  }
  return new WeirError("malformed_request", about);
}

/** Whether only the method of the line is wrong: a token (RFC 9110, 5.6.2) that Node does not know. */
function isRequestLine({ rawPacket, bytesParsed = 0 }: ClientError): boolean {
  if (!Buffer.isBuffer(rawPacket)) return false;
  const start = bytesParsed === 0 ? 0 : rawPacket.lastIndexOf("\n", bytesParsed - 1) + 1;
  const line = rawPacket.subarray(start, start + 8_192).toString("latin1");
  return /^[!#$%&'*+.^_`|~\w-]+ \S+ HTTP\/1\.[01]\r?\n/.test(line);
}
