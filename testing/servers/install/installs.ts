import { composeGoInstall } from "./compose-go.ts";
import { hadolintInstall } from "./hadolint.ts";
import type { Install } from "./install.ts";
import { kafkaInstall } from "./kafka.ts";
import { nginxInstall } from "./nginx.ts";
import { prometheusInstall } from "./prometheus.ts";
import { redisInstall } from "./redis.ts";

/** What `npm run services -- install` knows. A new server: a file beside this one, and a line here. */
export const installs: readonly Install[] = [
  kafkaInstall,
  redisInstall,
  nginxInstall,
  prometheusInstall,
  composeGoInstall,
  hadolintInstall,
];
