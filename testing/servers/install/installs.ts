import type { Install } from "./install.ts";
import { kafkaInstall } from "./kafka.ts";

/** What `npm run services -- install` knows. A new server: a file beside this one, and a line here. */
export const installs: readonly Install[] = [kafkaInstall];
