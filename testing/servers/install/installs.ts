import { aiosmtpdInstall } from "./aiosmtpd.ts";
import { composeGoInstall } from "./compose-go.ts";
import { hadolintInstall } from "./hadolint.ts";
import type { Install } from "./install.ts";
import { kafkaInstall } from "./kafka.ts";
import { nginxInstall } from "./nginx.ts";
import { prometheusInstall } from "./prometheus.ts";
import { rabbitmqInstall } from "./rabbitmq.ts";
import { redisInstall } from "./redis.ts";
import { sparkInstall } from "./spark.ts";
import { toxiproxyInstall } from "./toxiproxy.ts";

/** What `npm run services -- install` knows. A new server: a file beside this one, and a line here. */
export const installs: readonly Install[] = [
  kafkaInstall,
  redisInstall,
  nginxInstall,
  prometheusInstall,
  composeGoInstall,
  hadolintInstall,
  rabbitmqInstall,
  toxiproxyInstall,
  aiosmtpdInstall,
  sparkInstall,
];
