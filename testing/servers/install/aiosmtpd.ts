import { join } from "node:path";
import { cacheFolder, installOnce, isComplete } from "./cache.ts";
import type { Install } from "./install.ts";
import { createEnvironment } from "./python.ts";

const version = "1.4.6";
const folder = () => join(cacheFolder(), `aiosmtpd-${version}`);

/** An SMTP server for Python; `smtp-server.py` runs it. Mailpit would take minutes of CI to build. */
export const aiosmtpdInstall: Install = {
  name: "aiosmtpd",
  what: `aiosmtpd ${version} by pip, 16 MB`,
  find: () =>
    isComplete(folder()) ? { version, path: join(folder(), "bin", "python") } : undefined,
  install: () =>
    installOnce(folder(), (place) => createEnvironment(place, [`aiosmtpd==${version}`])),
};
