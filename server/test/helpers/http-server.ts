/** For the HTTP adapter's tests: a server over given routes, and a client that sends bytes as they are. */
import { connect } from "node:net";
import type { TestContext } from "node:test";
import type { HttpLimits } from "../../src/adapters/http/http-limits.ts";
import { createHttpServer, type HttpServer } from "../../src/adapters/http/server.ts";
import type { Principal } from "../../src/core/access/principal.ts";
import { WeirError } from "../../src/core/errors.ts";
import type { Route } from "../../src/core/ports/route.ts";

export const allowedOrigin = "https://shop.example";

export const testLimits: HttpLimits = {
  requestTimeoutMs: 5_000,
  keepAliveMs: 65_000,
  maxConnections: 5_000,
  bodyBytes: 256 * 1024 * 1024,
  unknownBodyBytes: 8 * 1024 * 1024,
};

interface Seen {
  readonly status: number;
  readonly code: string | undefined;
}

export interface TestServer {
  readonly http: HttpServer;
  readonly port: number;
  /** What the observer was given, in order. */
  readonly seen: Seen[];
}

interface ServeOptions {
  readonly routes: readonly Route[];
  readonly limits?: Partial<HttpLimits>;
  readonly dashboardFolder?: string;
}

/** Keys: `good` and `slow` (answered later) may do everything, `weak` nothing; session `known`. */
export async function serveRoutes(t: TestContext, options: ServeOptions): Promise<TestServer> {
  const seen: Seen[] = [];
  const http = await createHttpServer({
    routes: options.routes,
    authenticator: {
      authenticate(key) {
        if (key === "good") return principal(true);
        if (key === "slow") return Promise.resolve(principal(true));
        if (key === "weak") return principal(false);
        throw new WeirError("unauthenticated");
      },
      session: async (token) =>
        token === "known" ? { principal: principal(true), csrfToken: "csrf" } : undefined,
    },
    observer: {
      route:
        () =>
        ({ status, error }) =>
          void seen.push({ status, code: error?.code }),
    },
    version: "0.0.0",
    dashboardFolder: options.dashboardFolder ?? "/nowhere",
    corsOrigins: [allowedOrigin],
    trustedProxies: [],
    limits: { ...testLimits, ...options.limits },
  });
  t.after(() => http.close());
  const { port } = await http.listen({ host: "127.0.0.1", port: 0 });
  return { http, port, seen };
}

function principal(may: boolean): Principal {
  return { serviceId: 1, service: "shop", role: "r", keyId: "k", via: "key", may: () => may };
}

/** Sends bytes as they are and reads until the server closes. */
export function speak(port: number, bytes: string | Buffer, end = false): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    const chunks: Buffer[] = [];
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", reject);
    socket.on("close", () => resolve(Buffer.concat(chunks).toString("latin1")));
    socket.write(bytes);
    if (end) socket.end();
  });
}

export interface RawAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The first answer in what `speak` read. @throws when there is none */
export function readAnswer(text: string): RawAnswer {
  const end = text.indexOf("\r\n\r\n");
  const [line = "", ...lines] = text.slice(0, end).split("\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(line)?.[1]);
  if (end < 0 || Number.isNaN(status)) throw new Error(`no answer: ${JSON.stringify(text)}`);
  const headers = lines.map((header) => {
    const colon = header.indexOf(":");
    return [header.slice(0, colon).toLowerCase(), header.slice(colon + 1).trim()];
  });
  return { status, headers: Object.fromEntries(headers), body: text.slice(end + 4) };
}
