/** Several `weir serve --parts http` on one PostgreSQL, behind a real nginx with the files of deploy/nginx. */
import { type ChildProcess, spawn } from "node:child_process";
import { cp, readFile, writeFile } from "node:fs/promises";
import type { OutgoingHttpHeaders } from "node:http";
import { Agent, request } from "node:https";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type CleanUp, createTestFolder } from "../../../../testing/database.ts";
import { createCertificate } from "../../../../testing/servers/certificate.ts";
import { freePorts } from "../../../../testing/servers/free-ports.ts";
import { type NginxServer, startNginx } from "../../../../testing/servers/nginx.ts";
import type { Place } from "../../../../testing/servers/server.ts";
import { until } from "../../../../testing/until.ts";
import { openPool, type Pool } from "../../../src/adapters/postgres/pool.ts";
import { startExternalPostgres } from "../../helpers/external-postgres.ts";
import { createOwner, type Installation, installationOf } from "../../helpers/production.ts";

const main = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));
const configuration = fileURLToPath(new URL("../../../../deploy/nginx", import.meta.url));

export interface HttpProcess {
  readonly port: number;
  /** Everything it has printed, over all its lives. */
  output(): string;
  /** Resolves when it answers that it is ready. */
  start(): Promise<void>;
  /** Resolves with the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL; resolves when it is dead. */
  kill(): Promise<void>;
}

export interface Database {
  readonly installation: Installation;
  readonly owner: Pool;
  readonly adminKey: string;
}

export interface Cluster extends Database {
  readonly processes: readonly HttpProcess[];
}

export interface ProcessOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Of another build. */
  readonly main?: string;
}

/** A prepared PostgreSQL. */
export async function startDatabase(t: CleanUp): Promise<Database> {
  const postgres = await startExternalPostgres(t);
  await createOwner(postgres, "weir");
  const installation = await installationOf(t, postgres, "weir");
  const migrated = await installation.weir(["migrate", "--json"]);
  const adminKey = (JSON.parse(migrated.stdout) as { admin_key: string }).admin_key;
  const owner = openPool({
    url: installation.env["WEIR_DATABASE_URL"] ?? "",
    applicationName: "test owner",
    max: 2,
  });
  t.after(() => owner.close());
  return { installation, owner, adminKey };
}

/** Two processes `http` on it. */
export async function startProcesses(
  t: CleanUp,
  database: Database,
  options: ProcessOptions = {},
): Promise<Cluster> {
  const { installation } = database;
  const ports = await freePorts(2);
  const processes = ports.map((port) => httpProcess(t, { port, installation, options }));
  await Promise.all(processes.map((one) => one.start()));
  return { ...database, processes };
}

function httpProcess(
  t: CleanUp,
  about: {
    readonly port: number;
    readonly installation: Installation;
    readonly options: ProcessOptions;
  },
): HttpProcess {
  const { port, installation, options } = about;
  let child: ChildProcess | undefined;
  let output = "";
  let ended: Promise<number | null> = Promise.resolve(null);
  const signal = (name: NodeJS.Signals) => {
    child?.kill(name);
    return ended;
  };
  t.after(() => void signal("SIGKILL"));
  return {
    port,
    output: () => output,
    async start() {
      const args = ["serve", "--parts", "http", "--port", String(port)];
      const started = spawn(process.execPath, [options.main ?? main, ...args], {
        env: {
          ...installation.env,
          WEIR_HTTP_TRUSTED_PROXIES: "127.0.0.1",
          // as compose.yaml sets it: longer than nginx keeps its connections
          WEIR_HTTP_DRAIN_DELAY_MS: "5000",
          // a busy machine of tests is no frozen process
          WEIR_SUPERVISOR_HEARTBEAT_TIMEOUT_MS: "60000",
          ...options.env,
        },
        stdio: ["ignore", "pipe", "pipe"],
      });
      child = started;
      ended = new Promise((resolve) => started.once("exit", resolve));
      const collect = (chunk: Buffer) => {
        output += chunk;
      };
      started.stdout.on("data", collect);
      started.stderr.on("data", collect);
      await until(
        async () => {
          if (started.exitCode !== null || started.signalCode !== null) {
            throw new Error(`it ended: ${output.slice(-2_000)}`);
          }
          const ready = await fetch(`http://127.0.0.1:${port}/health/ready`).catch(() => undefined);
          return ready?.status === 200;
        },
        { what: () => `http on ${port}: ${output.slice(-2_000)}`, timeoutMs: 60_000 },
      );
    },
    stop: () => signal("SIGTERM"),
    async kill() {
      await signal("SIGKILL");
    },
  };
}

export interface Front extends NginxServer {
  /** HTTPS. */
  readonly port: number;
  readonly plainPort: number;
  /** What clients trust. */
  readonly ca: string;
  log(): Promise<string>;
}

export interface FrontOptions {
  readonly processes: readonly HttpProcess[];
  /** Changes a file of deploy/nginx, for a control. */
  readonly mistake?: { readonly in: string; readonly from: string; readonly to: string };
}

/** nginx with the files of deploy/nginx, unchanged except for site/, where an installation is described. */
export async function startFront(t: CleanUp, options: FrontOptions): Promise<Front> {
  const folder = await createTestFolder(t);
  const certificate = await createCertificate(folder);
  const server = await startNginx(t, {
    tls: true,
    configure: async (place) => {
      await cp(configuration, place.folder, { recursive: true });
      await describeSite(place, { certificate, processes: options.processes });
      if (options.mistake !== undefined) await makeMistake(place, options.mistake);
      return readFile(join(place.folder, "nginx.conf"), "utf8");
    },
  });
  const own = {
    port: server.ports["main"] ?? 0,
    plainPort: server.ports["second"] ?? 0,
    ca: await readFile(certificate.cert, "utf8"),
    log: () => readFile(join(server.folder, "access.log"), "utf8"),
  };
  return Object.defineProperties({} as Front, {
    ...Object.getOwnPropertyDescriptors(server),
    ...Object.getOwnPropertyDescriptors(own),
  });
}

async function describeSite(
  { folder, ports }: Place,
  about: {
    readonly certificate: { readonly cert: string; readonly key: string };
    readonly processes: readonly HttpProcess[];
  },
): Promise<void> {
  const site = (name: string, text: string) => writeFile(join(folder, "site", name), text);
  const [cert, key] = [join(folder, "site", "cert.pem"), join(folder, "site", "key.pem")];
  await cp(about.certificate.cert, cert);
  await cp(about.certificate.key, key);
  await site("certificate.conf", `ssl_certificate ${cert};\nssl_certificate_key ${key};\n`);
  await site("listen-tls.conf", `listen 127.0.0.1:${ports["main"]} ssl http2 default_server;\n`);
  await site("listen-plain.conf", `listen 127.0.0.1:${ports["second"]} default_server;\n`);
  await site("log.conf", `access_log ${join(folder, "access.log")} weir;\n`);
  const original = await readFile(join(configuration, "site", "processes.conf"), "utf8");
  const servers = about.processes.map(({ port }) =>
    original.replace("http:8080", `127.0.0.1:${port}`),
  );
  await site("processes.conf", servers.join("\n"));
}

async function makeMistake(
  { folder }: Place,
  mistake: NonNullable<FrontOptions["mistake"]>,
): Promise<void> {
  const file = join(folder, mistake.in);
  const text = await readFile(file, "utf8");
  if (!text.includes(mistake.from)) throw new Error(`${mistake.in} does not hold ${mistake.from}`);
  await writeFile(file, text.replaceAll(mistake.from, mistake.to));
}

export interface Asked {
  readonly method?: string;
  readonly path: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Buffer;
  /** The address of this machine to connect from. */
  readonly from?: string;
}

export interface Answer {
  readonly status: number;
  /** Names and values in turn, as they arrived. */
  readonly rawHeaders: readonly string[];
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface Client extends Disposable {
  ask(asked: Asked): Promise<Answer>;
}

/** A client with connections of its own, which it keeps open. */
export function clientOf({ port, ca }: Pick<Front, "port" | "ca">): Client {
  const agent = new Agent({ keepAlive: true, ca, maxCachedSessions: 0 });
  return {
    [Symbol.dispose]: () => agent.destroy(),
    ask: ({ method = "GET", path, headers = {}, body, from }) =>
      new Promise((resolve, reject) => {
        const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
        const sent = request(
          {
            ...{ agent, port, method, path, host: "127.0.0.1", servername: "localhost" },
            headers: { ...length, ...headers },
            ...(from === undefined ? {} : { localAddress: from, agent: false, ca }),
            timeout: 30_000,
          },
          (response) => {
            const chunks: Buffer[] = [];
            response.on("data", (chunk: Buffer) => chunks.push(chunk));
            response.on("error", reject);
            response.on("end", () =>
              resolve({
                status: response.statusCode ?? 0,
                rawHeaders: response.rawHeaders,
                headers: response.headers,
                body: Buffer.concat(chunks).toString("utf8"),
              }),
            );
          },
        );
        sent.on("timeout", () => sent.destroy(new Error("no answer in 30 s")));
        sent.on("error", reject);
        sent.end(body);
      }),
  };
}
