import { join } from "node:path";
import { cacheFolder, installOnce, isComplete } from "./cache.ts";
import { requireProgram, runCommand } from "./command.ts";
import type { Install } from "./install.ts";

const version = "2.5.0";
const folder = () => join(cacheFolder(), `toxiproxy-${version}`);

export const toxiproxyInstall: Install = {
  name: "toxiproxy",
  what: `Toxiproxy ${version}, built with Go, 11 MB`,
  find: () => (isComplete(folder()) ? { version, path: join(folder(), "server") } : undefined),
  async install() {
    const go = requireProgram("go", "install Go 1.22 or newer.");
    await installOnce(folder(), async (place) => {
      await runCommand(go, ["install", `github.com/Shopify/toxiproxy/v2/cmd/server@v${version}`], {
        env: { GOBIN: place },
      });
    });
  },
};
