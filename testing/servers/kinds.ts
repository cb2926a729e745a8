import type { Install } from "./install/install.ts";
import { kafkaKind } from "./kafka.ts";
import { nginxKind, temporaryPaths } from "./nginx.ts";
import { prometheusKind } from "./prometheus.ts";
import { rabbitmqKind } from "./rabbitmq.ts";
import { redisKind } from "./redis.ts";
import type { Place, ServerKind } from "./server.ts";
import type { Launch } from "./server-process.ts";
import { smtpKind } from "./smtp.ts";
import { sparkKind } from "./spark.ts";
import { toxiproxyKind } from "./toxiproxy.ts";

/** A kind of server whose options are chosen. */
export interface Kind {
  readonly install: Install;
  readonly ports: readonly string[];
  prepare(place: Place): Promise<Launch>;
  isHealthy(place: Place): Promise<boolean>;
}

/** What `npm run services -- up` starts. */
export const kinds: readonly Kind[] = [
  withOptions(kafkaKind, {}),
  withOptions(redisKind, {}),
  withOptions(nginxKind, { configure: forwardToWeir }),
  withOptions(prometheusKind, { configure: scrapeWeir }),
  withOptions(rabbitmqKind, { plugins: ["rabbitmq_management"] }),
  withOptions(sparkKind, {}),
  withOptions(toxiproxyKind, {}),
  withOptions(smtpKind, {}),
];

function withOptions<Options>(kind: ServerKind<Options>, options: Options): Kind {
  return {
    install: kind.install,
    ports: kind.ports,
    prepare: (place) => kind.prepare(place, options),
    isHealthy: (place) => kind.isHealthy(place, options),
  };
}

/** To the port that `npm start` uses. */
function forwardToWeir({ folder, ports }: Place): string {
  return `worker_processes auto;
events {}
http {
  ${temporaryPaths(folder)}
  access_log off;
  server {
    listen 127.0.0.1:${ports["main"]};
    location / {
      proxy_pass http://127.0.0.1:8080;
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $http_connection;
    }
  }
}
`;
}

function scrapeWeir({ ports }: Place): string {
  return `scrape_configs:
  - job_name: weir
    static_configs:
      - targets: ["127.0.0.1:8080"]
  - job_name: prometheus
    static_configs:
      - targets: ["127.0.0.1:${ports["http"]}"]
`;
}
