import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CleanUp } from "../database.ts";
import { httpStatus } from "./http-health.ts";
import { prometheusInstall } from "./install/prometheus.ts";
import { extend, type Place, type Server, type ServerKind, startServer } from "./server.ts";

export interface PrometheusOptions {
  /** prometheus.yml; relative names of rule files are below `place.folder`. Default: it scrapes itself. */
  readonly configure?: (place: Place) => string | Promise<string>;
}

export interface PrometheusServer extends Server {
  readonly url: string;
}

export async function startPrometheus(
  t: CleanUp,
  options: PrometheusOptions = {},
): Promise<PrometheusServer> {
  const server = await startServer(t, prometheusKind, options);
  return extend(server, { url: `http://127.0.0.1:${server.ports["http"]}` });
}

export const prometheusKind: ServerKind<PrometheusOptions> = {
  install: prometheusInstall,
  ports: ["http"],
  async prepare(place, { configure = scrapeItself }) {
    const port = place.ports["http"] ?? 0;
    const file = join(place.folder, "prometheus.yml");
    await writeFile(file, await configure(place));
    return {
      command: place.installed.path,
      args: [
        `--config.file=${file}`,
        `--storage.tsdb.path=${place.dataFolder}`,
        `--web.listen-address=127.0.0.1:${port}`,
        "--web.enable-lifecycle",
      ],
    };
  },
  isHealthy: async ({ ports }) =>
    (await httpStatus({ port: ports["http"] ?? 0, path: "/-/ready" })) === 200,
};

function scrapeItself({ ports }: Place): string {
  return `scrape_configs:
  - job_name: prometheus
    static_configs:
      - targets: ["127.0.0.1:${ports["http"]}"]
`;
}
