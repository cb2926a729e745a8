import type { CleanUp } from "../database.ts";
import { freePorts } from "./free-ports.ts";
import { httpStatus } from "./http-health.ts";
import { toxiproxyInstall } from "./install/toxiproxy.ts";
import { extend, type Server, type ServerKind, startServer } from "./server.ts";

export interface Proxy {
  /** Clients connect here instead of to the upstream. */
  readonly port: number;
  /** Refuses and cuts connections until it is enabled again. */
  setEnabled(enabled: boolean): Promise<void>;
  /** Disturbs connections: `{ type: "latency", attributes: { latency: 500 } }`; see Toxiproxy's README. */
  disturb(toxic: Toxic): Promise<void>;
  /** Removes all disturbances and enables it. */
  calm(): Promise<void>;
}

export interface Toxic {
  readonly type:
    | "latency"
    | "bandwidth"
    | "slow_close"
    | "timeout"
    | "reset_peer"
    | "slicer"
    | "limit_data";
  /** Default: from the upstream to the client. */
  readonly stream?: "upstream" | "downstream";
  readonly attributes: Readonly<Record<string, number>>;
}

export interface Toxiproxy extends Server {
  /** A proxy in front of a port of this machine. */
  proxy(upstreamPort: number): Promise<Proxy>;
}

/** A proxy that disturbs connections on demand. Its proxies do not survive its restart. */
export async function startToxiproxy(t: CleanUp): Promise<Toxiproxy> {
  const server = await startServer(t, toxiproxyKind, {});
  const call = async (path: string, body: object): Promise<void> => {
    const response = await fetch(`http://127.0.0.1:${server.ports["http"]}${path}`, {
      method: "POST",
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(5_000),
    });
    if (!response.ok) throw new Error(`Toxiproxy: ${path} ${await response.text()}`);
  };
  return extend(server, {
    async proxy(upstreamPort: number): Promise<Proxy> {
      const [port = 0] = await freePorts(1);
      const name = `to-${upstreamPort}-on-${port}`;
      const upstream = `127.0.0.1:${upstreamPort}`;
      await call("/proxies", { name, listen: `127.0.0.1:${port}`, upstream, enabled: true });
      return {
        port,
        setEnabled: (enabled) => call(`/proxies/${name}`, { enabled }),
        disturb: (toxic) => call(`/proxies/${name}/toxics`, { stream: "downstream", ...toxic }),
        calm: () => call("/reset", {}),
      };
    },
  });
}

export const toxiproxyKind: ServerKind<object> = {
  install: toxiproxyInstall,
  ports: ["http"],
  prepare: ({ installed, ports }) =>
    Promise.resolve({
      command: installed.path,
      args: ["-host", "127.0.0.1", "-port", String(ports["http"])],
    }),
  isHealthy: async ({ ports }) =>
    (await httpStatus({ port: ports["http"] ?? 0, path: "/version" })) === 200,
};
