import { InstallError } from "../../testing/servers/install/command.ts";
import { installs } from "../../testing/servers/install/installs.ts";
import { type Request, UsageError } from "./command.ts";
import { table } from "./table.ts";

interface Outcome {
  readonly name: string;
  readonly version: string | undefined;
  readonly seconds: number;
  readonly problem: string | undefined;
}

/** One after the other, because each uses the whole machine; a failure does not keep the others out. */
export async function install({ names, json }: Request): Promise<number> {
  const unknown = names.filter((name) => !installs.some((known) => known.name === name));
  if (unknown.length > 0) {
    const known = installs.map(({ name }) => name).join(", ");
    throw new UsageError(`There is no ${unknown.join(", ")}. Known: ${known}.`);
  }
  const outcomes: Outcome[] = [];
  for (const one of installs.filter(({ name }) => names.length === 0 || names.includes(name))) {
    if (!json && one.find() === undefined) process.stderr.write(`${one.name}: ${one.what} …\n`);
    const began = performance.now();
    const problem = await one.install().then(
      () => undefined,
      (error: unknown) => {
        if (error instanceof InstallError) return error.message;
        throw error;
      },
    );
    const seconds = Math.round((performance.now() - began) / 100) / 10;
    outcomes.push({ name: one.name, version: one.find()?.version, seconds, problem });
  }
  process.stdout.write(json ? `${JSON.stringify(outcomes, undefined, 2)}\n` : printed(outcomes));
  return outcomes.some(({ problem }) => problem !== undefined) ? 1 : 0;
}

function printed(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ name, version, seconds, problem }) => [
    name,
    version ?? "-",
    `${seconds.toFixed(1)} s`,
    problem === undefined ? "installed" : "FAILED",
  ]);
  const problems = outcomes.flatMap(({ name, problem }) =>
    problem === undefined ? [] : [`\n${name}: ${problem}\n`],
  );
  return table(["name", "version", "took", ""], rows) + problems.join("");
}
