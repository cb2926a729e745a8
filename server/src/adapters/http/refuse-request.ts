/**
 * What Node's HTTP parser accepts although RFC 9112 has a server refuse it, and limits that it does not
 * have. Asked for every request before any router.
 */
import type { IncomingMessage } from "node:http";
import { WeirError } from "../../core/errors.ts";

const longestTarget = 8_192;
/** Browsers send about 20, and proxies add some. The 16 KiB of all headers would have room for 4,000. */
const mostHeaders = 256;

/** Why this request is refused before it is routed; undefined for all well-formed ones. */
export function refusalOf(request: IncomingMessage): WeirError | undefined {
  return (
    refusedVersion(request) ??
    refusedCoding(request) ??
    refusedHeaders(request) ??
    refusedTarget(request)
  );
}

function refusedVersion({ httpVersionMajor }: IncomingMessage): WeirError | undefined {
  if (httpVersionMajor === 1) return undefined;
  return new WeirError("http_version_not_supported", { detail: "send HTTP/1.1" });
}

/** RFC 9112, 6.1 and 6.3: without `chunked` at the end, the end of the body is unknown. */
function refusedCoding({ headers, httpVersionMinor }: IncomingMessage): WeirError | undefined {
  const coding = headers["transfer-encoding"];
  if (coding === undefined) return undefined;
  if (httpVersionMinor === 0) return malformed("HTTP/1.0 has no Transfer-Encoding");
  if (coding.toLowerCase() === "chunked") return undefined;
  if (/(?:^|,)\s*chunked$/i.test(coding)) {
    return new WeirError("not_implemented", {
      detail: 'the only transfer coding supported is "chunked"; compress with Content-Encoding',
    });
  }
  return malformed('the last transfer coding is not "chunked"');
}

/**
 * Headers of which a request has at most one. Node shows only the first of them or joins them, so two
 * readers of the same bytes could see different requests.
 */
const single = ["host", "content-type", "authorization", "x-api-key"] as const;
/** By length, as most headers need not be looked at more closely: no two of them have the same. */
const singleLengths: (string | undefined)[] = Array(64).fill(undefined);
for (const name of single) singleLengths[name.length] = name;

function refusedHeaders({
  rawHeaders,
  httpVersionMinor,
  headers,
}: IncomingMessage): WeirError | undefined {
  if (rawHeaders.length > 2 * mostHeaders) {
    return new WeirError("headers_too_large", {
      detail: `a request may have at most ${mostHeaders} headers`,
    });
  }
  let seen = 0;
  for (let n = 0; n < rawHeaders.length; n += 2) {
    const raw = rawHeaders[n] as string;
    const name = singleLengths[raw.length];
    if (name === undefined || raw.toLowerCase() !== name) continue;
    const bit = 1 << name.length;
    if ((seen & bit) !== 0) return malformed(`the request has more than one ${raw} header`);
    seen |= bit;
  }
  const { host } = headers;
  if (host === lastHost) return undefined;
  if (host === undefined) {
    return httpVersionMinor === 0 ? undefined : malformed("the Host header is missing");
  }
  if (!hostForm.test(host)) return malformed("the Host header is not a host");
  lastHost = host;
  return undefined;
}

/** Of the last good request: most requests have the same, and a comparison is cheaper than a pattern. */
let lastHost = "";
let lastPath = "";

/** RFC 9110, 7.2: a host name, an address or nothing, and a port. */
const hostForm = /^(?:[\w.~!$&'()*+,;=%-]*|\[[0-9a-fA-F:.]+\])(?::\d{0,5})?$/;
/** The characters of a target: ASCII without controls, spaces, and the `#` that no client may send. */
const targetForm = /^[!"$-~]+$/;

/** RFC 9112, 3.2: the four forms of a request target. */
function refusedTarget({ url = "", method, headers }: IncomingMessage): WeirError | undefined {
  if (url === lastPath) return undefined;
  if (url.length > longestTarget) {
    return new WeirError("uri_too_long", {
      detail: `the request target may have at most ${longestTarget} characters`,
    });
  }
  if (!targetForm.test(url)) {
    return malformed("the request target has characters that must be percent-encoded");
  }
  if (url.startsWith("/")) {
    lastPath = url;
    return undefined;
  }
  if (url === "*" && method === "OPTIONS") return undefined;
  const absolute = /^https?:\/\/([^/?]+)(?:[/?]|$)/i.exec(url);
  if (absolute === null) return malformed("the request target is neither a path nor an http URL");
  if (absolute[1]?.toLowerCase() === headers.host?.toLowerCase()) return undefined;
  return malformed("the request target names another host than the Host header");
}

function malformed(detail: string): WeirError {
  return new WeirError("malformed_request", { detail });
}
