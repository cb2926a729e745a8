/**
 * What Node's HTTP parser accepts although RFC 9112 has a server refuse it. Asked for every request
 * before any router, so it costs what it must: two look-ups and a pass over the header names (0.15 µs).
 */
import type { IncomingMessage } from "node:http";
import { WeirError } from "../../core/errors.ts";

/** Why this request is refused before it is routed; undefined for all well-formed ones. */
export function refusalOf(request: IncomingMessage): WeirError | undefined {
  if (request.httpVersionMajor !== 1) {
    return new WeirError("http_version_not_supported", { detail: "send HTTP/1.1" });
  }
  const coding = request.headers["transfer-encoding"];
  if (coding !== undefined && coding.toLowerCase() !== "chunked") return badCoding(coding);
  const hosts = countHosts(request.rawHeaders);
  if (hosts === 1 || (hosts === 0 && request.httpVersionMinor === 0)) return undefined;
  return new WeirError("malformed_request", {
    detail:
      hosts === 0 ? "the Host header is missing" : "the request has more than one Host header",
  });
}

/** RFC 9112, 6.1 and 6.3: without `chunked` at the end, the end of the body is unknown. */
function badCoding(coding: string): WeirError {
  if (/(?:^|,)\s*chunked$/i.test(coding)) {
    return new WeirError("not_implemented", {
      detail: 'the only transfer coding supported is "chunked"; compress with Content-Encoding',
    });
  }
  return new WeirError("malformed_request", {
    detail: 'the last transfer coding is not "chunked"',
  });
}

/** RFC 9112, 3.2: none and several are both a 400. `request.headers` shows only the first. */
function countHosts(rawHeaders: readonly string[]): number {
  let hosts = 0;
  for (let n = 0; n < rawHeaders.length; n += 2) {
    const name = rawHeaders[n] as string;
    if (name.length === 4 && (name === "Host" || name.toLowerCase() === "host")) hosts++;
  }
  return hosts;
}
