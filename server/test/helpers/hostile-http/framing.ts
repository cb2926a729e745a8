/** Request lines, headers, lengths, transfer codings, chunks, limits: RFC 9112. */
import {
  type Access,
  caseList,
  close,
  event,
  goodGet,
  type HttpCase,
  host,
  printable,
} from "./case.ts";

export function framingCases({ key }: Access): readonly HttpCase[] {
  const { cases, add } = caseList();
  const auth = `X-API-Key: ${key}\r\nContent-Type: application/json\r\n`;
  const get = (headers: string, path = "/health/live") =>
    `GET ${path} HTTP/1.1\r\n${host}${close}${headers}\r\n`;
  const post = (headers: string, body: string, connection = close) =>
    `POST /api/events/ HTTP/1.1\r\n${host}${connection}${auth}${headers}\r\n${body}`;
  const length = `Content-Length: ${event.length}\r\n`;
  const size = event.length.toString(16);
  const chunks = `${size}\r\n${event}\r\n0\r\n\r\n`;

  add("a plain request", goodGet, 200);
  add("an event", post(length, event), 202);
  add("a chunked event", post("Transfer-Encoding: chunked\r\n", chunks), 202);

  // request lines
  for (const [name, line, status] of [
    ["an empty line before it", "\r\nGET /health/live HTTP/1.1", 200],
    ["no target", "GET HTTP/1.1", 400],
    ["no version", "GET /health/live", 505],
    // RFC 9112, 3: a server may read words, however many spaces are between them
    ["two spaces", "GET  /health/live HTTP/1.1", 200],
    ["two spaces before the version", "GET /health/live  HTTP/1.1", 200],
    ["a tab for a space", "GET\t/health/live HTTP/1.1", 400],
    ["a space before the method", " GET /health/live HTTP/1.1", 400],
    ["a lower-case method", "get /health/live HTTP/1.1", 501],
    ["an unknown method", "BREW /health/live HTTP/1.1", 501],
    ["a method with a bad character", "G(T /health/live HTTP/1.1", 400],
    ["a lower-case version", "GET /health/live http/1.1", 400],
    ["HTTP/1", "GET /health/live HTTP/1", 505],
    ["HTTP/1.", "GET /health/live HTTP/1.", 505],
    ["HTTP/1.10", "GET /health/live HTTP/1.10", 505],
    ["HTTP/0.9", "GET /health/live HTTP/0.9", 505],
    ["HTTP/1.2", "GET /health/live HTTP/1.2", 505],
    ["HTTP/2.0", "GET /health/live HTTP/2.0", 505],
    ["HTTP/3.0", "GET /health/live HTTP/3.0", 505],
    ["HTTP/9.9", "GET /health/live HTTP/9.9", 505],
    ["another protocol", "GET /health/live SIP/2.0", 400],
    ["text behind the version", "GET /health/live HTTP/1.1 x", 505],
    ["a NUL in the target", "GET /health\0/live HTTP/1.1", 400],
    ["a byte above ASCII in the target", "GET /health/live\xff HTTP/1.1", 400],
    ["UTF-8 in the target", "GET /h\xc3\xa9alth HTTP/1.1", 400],
    ["a fragment", "GET /health/live#x HTTP/1.1", 400],
    ["a relative target", "GET health/live HTTP/1.1", 400],
    ["an asterisk for GET", "GET * HTTP/1.1", 400],
    ["an asterisk for OPTIONS", "OPTIONS * HTTP/1.1", 204],
    ["the server's own URL", "GET http://weir/health/live HTTP/1.1", 200],
    ["its own URL in capitals", "GET HTTP://WEIR/health/live HTTP/1.1", 200],
    ["another host's URL", "GET http://other/health/live HTTP/1.1", 400],
    ["another port's URL", "GET http://weir:1/health/live HTTP/1.1", 400],
    ["a URL with a user", "GET http://u@weir/health/live HTTP/1.1", 400],
    ["a URL without a host", "GET http:///health/live HTTP/1.1", 400],
    ["a file URL", "GET file:///etc/passwd HTTP/1.1", 400],
    ["CONNECT", "CONNECT weir:443 HTTP/1.1", 501],
    ["the preface of HTTP/2", "PRI * HTTP/2.0", 505],
  ] as const) {
    // an unknown method is only told from garbage when the whole line is there
    const inPieces = status === 501 ? { inPieces: [400] } : {};
    const expected = { statuses: status, ...inPieces };
    add(`request line: ${name}`, `${line}\r\n${host}${close}\r\n`, expected);
  }
  add("HTTP/0.9 without a version", "GET /\r\n", { statuses: 400, half: true });
  add("a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", { statuses: 400, half: true });
  add("nothing", "", { statuses: [], half: true });
  add("line breaks alone", "\r\n\r\n\r\n", { statuses: [], half: true });
  add("half a request line", "GET /heal", { statuses: 400, half: true });

  // Host
  for (const [name, headers, status] of [
    ["none", "", 400],
    ["two", "Host: weir\r\nHost: weir\r\n", 400],
    ["two, different", "Host: weir\r\nhOsT: other\r\n", 400],
    ["empty", "Host:\r\n", 200],
    ["a port", "Host: weir:8080\r\n", 200],
    ["an IPv6 address", "Host: [::1]:8080\r\n", 200],
    ["a path", "Host: weir/x\r\n", 400],
    ["a user", "Host: me@weir\r\n", 400],
    ["a space", "Host: we ir\r\n", 400],
    ["a port that is none", "Host: weir:x\r\n", 400],
    ["a list", "Host: a, b\r\n", 400],
    ["bytes above ASCII", "Host: w\xe9ir\r\n", 400],
  ] as const) {
    add(`Host: ${name}`, `GET /health/live HTTP/1.1\r\n${headers}${close}\r\n`, status);
  }
  add("Host: none in HTTP/1.0", "GET /health/live HTTP/1.0\r\n\r\n", 200);

  // header syntax
  for (const [name, headers, status] of [
    ["a space before the colon", "X : 1\r\n", 400],
    ["a tab before the colon", "X\t: 1\r\n", 400],
    ["no colon", "X 1\r\n", 400],
    ["no name", ": 1\r\n", 400],
    ["a folded value", "X: 1\r\n 2\r\n", 400],
    ["a folded value with a tab", "X: 1\r\n\t2\r\n", 400],
    ["a space before the first name", " X: 1\r\n", 400],
    ["an empty value", "X:\r\n", 200],
    ["spaces around the value", "X:   1  \r\n", 200],
    ["bytes above ASCII in a value", "X: \xe9\xff\r\n", 200],
    ["a bare LF", "X: 1\nY: 2\r\n", 400],
    ["a bare CR", "X: 1\rY: 2\r\n", 400],
    ["CR CR LF", "X: 1\r\r\n", 400],
    ["256 headers", "X: 1\r\n".repeat(254), 200],
    ["257 headers", "X: 1\r\n".repeat(255), 431],
    ["2,000 headers", "X:1\r\n".repeat(2_000), 431],
    ["a value of 15,000 bytes", `X: ${"x".repeat(15_000)}\r\n`, 200],
    ["a value of 17,000 bytes", `X: ${"x".repeat(17_000)}\r\n`, 431],
    ["a name of 17,000 bytes", `${"x".repeat(17_000)}: 1\r\n`, 431],
    ["two content types", "Content-Type: a/b\r\nContent-Type: a/c\r\n", 400],
    ["two keys", "X-API-Key: a\r\nX-API-Key: b\r\n", 400],
    ["two Authorization headers", "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n", 400],
    ["names of prototypes", "__proto__: x\r\nconstructor: x\r\ntoString: x\r\n", 200],
  ] as const) {
    add(`headers: ${name}`, get(headers), status);
  }
  for (let code = 0; code < 0x20; code++) {
    const character = String.fromCharCode(code);
    // a line break ends the header, a tab is white space
    if (code !== 0x0a && code !== 0x0d) {
      const status = code === 0x09 ? 200 : 400;
      add(`headers: ${printable(character)} in a value`, get(`X: a${character}b\r\n`), status);
      add(`headers: ${printable(character)} in a name`, get(`X${character}Y: a\r\n`), 400);
    }
  }
  for (const character of '"(),/:;<=>?@[\\]{}\x7f\x80\xff') {
    const isColon = character === ":";
    add(
      `headers: ${printable(character)} in a name`,
      get(`X${character}Y: a\r\n`),
      isColon ? 200 : 400,
    );
  }
  add("headers: DEL in a value", get("X: a\x7fb\r\n"), 400);

  // Content-Length
  for (const [name, value, status] of [
    ["a plus sign", `+${event.length}`, 400],
    ["a minus sign", `-${event.length}`, 400],
    ["a fraction", `${event.length}.0`, 400],
    ["hexadecimal", `0x${size}`, 400],
    ["an exponent", "1e1", 400],
    ["a list", `${event.length}, ${event.length}`, 400],
    ["a space inside", "2 9", 400],
    ["nothing", "", 400],
    ["letters", "many", 400],
    ["2^64", "18446744073709551616", 400],
    ["a leading zero", `0${event.length}`, 202],
    ["more than a body may have", "99999999999", 413],
  ] as const) {
    add(`Content-Length: ${name}`, post(`Content-Length: ${value}\r\n`, event), status);
  }
  add("Content-Length: twice the same", post(length + length, event), 400);
  add("Content-Length: twice", post(`${length}Content-Length: 5\r\n`, event), 400);
  add("Content-Length: none", post("", ""), 400);
  add("Content-Length: a body that is cut", post("Content-Length: 100\r\n", event), {
    statuses: 400,
    half: true,
  });
  // the bytes behind the body are the next request
  add("Content-Length: too short", post("Content-Length: 5\r\n", event, ""), [400, 400]);

  transferCodings();
  chunkSyntax();
  return cases;

  /** Each hides a second request in what another reader would take for the body. */
  function transferCodings() {
    const hidden = `GET /api/session HTTP/1.1\r\n${host}\r\n`;
    for (const [name, headers, status] of [
      ["chunked in capitals", "Transfer-Encoding: CHUNKED\r\n", 202],
      ["spaces around it", "Transfer-Encoding:  chunked \r\n", 202],
      ["gzip, chunked", "Transfer-Encoding: gzip, chunked\r\n", 501],
      ["gzip", "Transfer-Encoding: gzip\r\n", 400],
      ["identity", "Transfer-Encoding: identity\r\n", 400],
      ["chunked, gzip", "Transfer-Encoding: chunked, gzip\r\n", 400],
      ["chunked, chunked", "Transfer-Encoding: chunked, chunked\r\n", 400],
      ["chunked, identity", "Transfer-Encoding: chunked, identity\r\n", 400],
      ["xchunked", "Transfer-Encoding: xchunked\r\n", 400],
      ["chunked in quotes", 'Transfer-Encoding: "chunked"\r\n', 400],
      ["a parameter", "Transfer-Encoding: chunked;q=1\r\n", 400],
      ["nothing", "Transfer-Encoding:\r\n", 400],
      ["a vertical tab before it", "Transfer-Encoding: \x0bchunked\r\n", 400],
      ["a NUL behind it", "Transfer-Encoding: chunked\0\r\n", 400],
      ["a space in the name", "Transfer-Encoding : chunked\r\n", 400],
      ["a folded line", "Transfer-Encoding:\r\n chunked\r\n", 400],
      ["twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400],
      [
        "chunked, then identity",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        400,
      ],
      ["a length before it", `${length}Transfer-Encoding: chunked\r\n`, 400],
      ["a length after it", `Transfer-Encoding: chunked\r\n${length}`, 400],
      ["length 0 before it", "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", 400],
      ["a length, and a coding that is none", `${length}Transfer-Encoding: x\r\n`, 400],
      ["a bare LF before it", "X: 1\nTransfer-Encoding: chunked\r\n", 400],
    ] as const) {
      const good = status === 202;
      const text = post(headers, chunks + (good ? "" : hidden), good ? close : "");
      add(`Transfer-Encoding: ${name}`, text, good ? status : { statuses: status, half: true });
    }
    const old = post("Transfer-Encoding: chunked\r\n", chunks).replace("HTTP/1.1", "HTTP/1.0");
    add("Transfer-Encoding: in HTTP/1.0", old, 400);
    // CL.0: a route without a body does not leave the body as the next request
    const withBody = `GET /health/live HTTP/1.1\r\n${host}Content-Length: ${hidden.length}\r\n\r\n`;
    add("a body for GET is no request", withBody + hidden + goodGet, [200, 200]);
    const refused = `POST /nowhere HTTP/1.1\r\n${host}Content-Length: ${hidden.length}\r\n\r\n`;
    add("a body for an unknown path is no request", refused + hidden + goodGet, [404, 200]);
    const head = withBody.replace("GET", "HEAD");
    add("a body for HEAD is no request", head + hidden + goodGet, {
      statuses: [200, 200],
      methods: ["HEAD", "GET"],
    });
  }

  function chunkSyntax() {
    const chunked = (body: string) => post("Transfer-Encoding: chunked\r\n", body);
    for (const [name, body, status] of [
      ["a size in capitals", `${size.toUpperCase()}\r\n${event}\r\n0\r\n\r\n`, 202],
      ["leading zeros", `000${size}\r\n${event}\r\n0\r\n\r\n`, 202],
      ["an extension", `${size};a=b;c="d"\r\n${event}\r\n0;x\r\n\r\n`, 202],
      ["a trailer", `${size}\r\n${event}\r\n0\r\nX: 1\r\n\r\n`, 202],
      ["a trailer with a key", `${size}\r\n${event}\r\n0\r\nX-API-Key: x\r\n\r\n`, 202],
      ["an extension of 20 KB", `${size};${"x".repeat(20_000)}\r\n${event}\r\n0\r\n\r\n`, 413],
      ["a trailer of 20 KB", `${size}\r\n${event}\r\n0\r\nX: ${"x".repeat(20_000)}\r\n\r\n`, 431],
      ["hexadecimal with 0x", `0x${size}\r\n${event}\r\n0\r\n\r\n`, 400],
      ["a plus sign", `+${size}\r\n${event}\r\n0\r\n\r\n`, 400],
      ["a minus sign", `-${size}\r\n${event}\r\n0\r\n\r\n`, 400],
      ["a space before the size", ` ${size}\r\n${event}\r\n0\r\n\r\n`, 400],
      ["a space behind the size", `${size} \r\n${event}\r\n0\r\n\r\n`, 400],
      ["no size", `\r\n${event}\r\n0\r\n\r\n`, 400],
      ["a size of 2^64", `10000000000000000\r\n${event}\r\n0\r\n\r\n`, 400],
      ["a size of 2^68", `100000000000000000\r\n${event}\r\n0\r\n\r\n`, 400],
      ["a chunk that is longer", `1\r\n${event}\r\n0\r\n\r\n`, 400],
      ["LF behind the size", `${size}\n${event}\r\n0\r\n\r\n`, 400],
      ["LF behind the data", `${size}\r\n${event}\n0\r\n\r\n`, 400],
      ["no line break behind the data", `${size}\r\n${event}0\r\n\r\n`, 400],
      ["CR behind the size", `${size}\r${event}\r\n0\r\n\r\n`, 400],
      ["LF in an extension", `${size};a\nb\r\n${event}\r\n0\r\n\r\n`, 400],
      ["a bad trailer", `${size}\r\n${event}\r\n0\r\nX 1\r\n\r\n`, 400],
      ["a folded trailer", `${size}\r\n${event}\r\n0\r\nX: 1\r\n 2\r\n\r\n`, 400],
      ["many small chunks", `${[...event].map((c) => `1\r\n${c}\r\n`).join("")}0\r\n\r\n`, 202],
    ] as const) {
      add(`chunks: ${name}`, chunked(body), status);
    }
    add("chunks: cut inside a chunk", chunked("5\r\nab"), { statuses: 400, half: true });
    add("chunks: cut before the last", chunked(`${size}\r\n${event}\r\n`), {
      statuses: 400,
      half: true,
    });
    add("chunks: cut in the trailer", chunked(`${size}\r\n${event}\r\n0\r\n`), {
      statuses: 400,
      half: true,
    });
  }
}
