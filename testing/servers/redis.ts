import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CleanUp } from "../database.ts";
import { createCertificate } from "./certificate.ts";
import { exchange } from "./exchange.ts";
import { redisInstall } from "./install/redis.ts";
import { extend, type Server, type ServerKind, startServer } from "./server.ts";

export interface RedisOptions {
  readonly password?: string;
  /** Adds a listener with TLS. */
  readonly tls?: boolean;
  /** Directives of redis.conf, beside or instead of the defaults (nothing is written to disk). */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface RedisServer extends Server {
  /** `redis://`, with the password. */
  readonly url: string;
  readonly secure: {
    /** `rediss://`, with the password. */
    readonly url: string;
    /** PEM text that clients trust; empty without `tls`. */
    readonly ca: string;
  };
}

/** One Redis. Without other settings a restart empties it. */
export async function startRedis(t: CleanUp, options: RedisOptions = {}): Promise<RedisServer> {
  const server = await startServer(t, redisKind, options);
  const { password, tls } = options;
  const access = password === undefined ? "" : `:${encodeURIComponent(password)}@`;
  const ca = tls === true ? await readFile(join(server.folder, "cert.pem"), "utf8") : "";
  return extend(server, {
    url: `redis://${access}127.0.0.1:${server.ports["redis"]}`,
    secure: { url: `rediss://${access}127.0.0.1:${server.ports["secure"]}`, ca },
  });
}

export const redisKind: ServerKind<RedisOptions> = {
  install: redisInstall,
  ports: ["redis", "secure"],
  async prepare({ installed, folder, dataFolder, ports }, { password, tls, settings }) {
    const cert = join(folder, "cert.pem");
    if (tls === true && (await readFile(cert).catch(() => undefined)) === undefined) {
      await createCertificate(folder);
    }
    const secured = {
      "tls-port": String(ports["secure"]),
      "tls-cert-file": cert,
      "tls-key-file": join(folder, "key.pem"),
      "tls-auth-clients": "no",
    };
    const directives = {
      bind: "127.0.0.1",
      port: String(ports["redis"]),
      dir: dataFolder,
      daemonize: "no",
      save: '""',
      appendonly: "no",
      ...(password === undefined ? {} : { requirepass: JSON.stringify(password) }),
      ...(tls === true ? secured : {}),
      ...settings,
    };
    const file = join(folder, "redis.conf");
    const lines = Object.entries(directives).map(([name, value]) => `${name} ${value}\n`);
    await writeFile(file, lines.join(""));
    return { command: installed.path, args: [file] };
  },
  async isHealthy({ ports }, { password }) {
    const login = password === undefined ? "" : command("auth", password);
    const answer = await exchange({
      port: ports["redis"] ?? 0,
      request: `${login}${command("ping")}`,
      isWhole: (received) => /\+PONG\r\n|^-.*\r\n/.test(received.toString()),
    });
    return answer.toString().endsWith("+PONG\r\n");
  },
};

/** In Redis's protocol (RESP). */
function command(...words: readonly string[]): string {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return `*${words.length}\r\n${parts.join("")}`;
}
