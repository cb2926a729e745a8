import { join } from "node:path";
import { cacheFolder, installOnce, isComplete } from "./cache.ts";
import { requireProgram, runCommand } from "./command.ts";
import type { Install } from "./install.ts";

const version = "2.16.2";
const folder = () => join(cacheFolder(), `compose-go-${version}`);

/** The reference implementation of the compose file: `cmd` prints the resolved model, or the fault with its place. */
export const composeGoInstall: Install = {
  name: "compose-go",
  what: `compose-go ${version} by go install, 20 MB`,
  find: () => (isComplete(folder()) ? { version, path: join(folder(), "cmd") } : undefined),
  async install() {
    const go = requireProgram("go", "install a Go of 1.24 or newer.");
    await installOnce(folder(), async (place) => {
      const source = `github.com/compose-spec/compose-go/v2/cmd@v${version}`;
      await runCommand(go, ["install", source], { env: { GOBIN: place } });
    });
  },
};
