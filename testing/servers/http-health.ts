import { exchange } from "./exchange.ts";

interface HttpProbe {
  readonly port: number;
  /** Default `/`. */
  readonly path?: string;
  /** `user:password`. */
  readonly login?: string;
  /** Over TLS, with any certificate: it asks for life, not for identity. */
  readonly tls?: boolean;
}

/** The status of a GET, over a connection of its own. */
export async function httpStatus(probe: HttpProbe): Promise<number> {
  const { port, path = "/", login, tls } = probe;
  const access =
    login === undefined ? "" : `authorization: Basic ${Buffer.from(login).toString("base64")}\r\n`;
  const answer = await exchange({
    port,
    request: `GET ${path} HTTP/1.1\r\nhost: localhost\r\n${access}connection: close\r\n\r\n`,
    isWhole: (received) => received.includes("\r\n"),
    ...(tls === true ? { tls: { rejectUnauthorized: false, servername: "localhost" } } : {}),
  });
  return Number(/^HTTP\/1\.[01] (\d{3})/.exec(answer.toString("latin1"))?.[1] ?? 0);
}
