import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CleanUp } from "../database.ts";
import { httpStatus } from "./http-health.ts";
import { nginxInstall } from "./install/nginx.ts";
import { extend, type Place, type Server, type ServerKind, startServer } from "./server.ts";

export interface NginxOptions {
  /**
   * The whole nginx.conf; asked again before each start. The helper sets `daemon off`, the pid file and
   * the first error log. Temporary files belong below `place.folder`: see `temporaryPaths`.
   */
  readonly configure: (place: Place) => string | Promise<string>;
  /** Whether the health check (a GET of `/` on the port `main`, any status) uses TLS. */
  readonly tls?: boolean;
}

export interface NginxServer extends Server {
  /** Process ids of the workers. */
  workers(): Promise<number[]>;
  /** Writes the configuration again and lets nginx read it, with new workers and no closed connection. */
  reload(): Promise<void>;
}

/** One nginx with a master and its workers; it listens where the configuration says, on `place.ports`. */
export async function startNginx(t: CleanUp, options: NginxOptions): Promise<NginxServer> {
  const server = await startServer(t, nginxKind, options);
  return extend(server, {
    workers: () => workersOf(server.pid),
    async reload() {
      await writeFile(join(server.folder, "nginx.conf"), await options.configure(server));
      process.kill(server.pid, "SIGHUP");
    },
  });
}

/** Directives of the `http` block, for an nginx that may not write to the system's folders. */
export function temporaryPaths(folder: string): string {
  return ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `${kind}_temp_path ${join(folder, "data", kind)};\n`)
    .join("");
}

export const nginxKind: ServerKind<NginxOptions> = {
  install: nginxInstall,
  ports: ["main", "second", "third"],
  async prepare(place, { configure }) {
    const file = join(place.folder, "nginx.conf");
    await writeFile(file, await configure(place));
    return {
      command: place.installed.path,
      args: [
        ...["-p", place.folder, "-c", file, "-e", "stderr"],
        ...["-g", `daemon off; pid ${join(place.folder, "nginx.pid")};`],
      ],
    };
  },
  isHealthy: async ({ ports }, { tls }) =>
    (await httpStatus({ port: ports["main"] ?? 0, tls: tls === true })) > 0,
};

/** The master has other children too: one that loads the cache ends by itself and is not replaced. */
async function workersOf(master: number): Promise<number[]> {
  const children = await readFile(`/proc/${master}/task/${master}/children`, "utf8");
  const workers: number[] = [];
  for (const pid of children.split(" ").filter(Boolean)) {
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (command.startsWith("nginx: worker process")) workers.push(Number(pid));
  }
  return workers;
}
