import { InstallError } from "./install/command.ts";
import { installs } from "./install/installs.ts";

/**
 * For tests that need servers: `test("…", await requireServers("kafka"), async (t) => …)`. In CI
 * (`CI=true`) it installs what is missing, and a failure fails the file. Elsewhere such tests are skipped,
 * with one line that names the command.
 */
export async function requireServers(
  ...names: readonly string[]
): Promise<{ readonly skip: string | false }> {
  const wanted = names.map((name) => {
    const found = installs.find((install) => install.name === name);
    if (found === undefined) throw new InstallError(`There is no server "${name}".`);
    return found;
  });
  const missing = wanted.filter((install) => install.find() === undefined);
  if (process.env["CI"] === "true") {
    for (const install of missing) await install.install();
    return { skip: false };
  }
  if (missing.length === 0) return { skip: false };
  const list = missing.map((install) => install.name).join(" ");
  const skip = `${list} not installed: npm run services -- install ${list}`;
  console.error(`SKIPPED: ${skip}`);
  return { skip };
}
