import { signalGroup } from "../../testing/servers/server-process.ts";
import { until } from "../../testing/until.ts";
import { type Request, UsageError } from "./command.ts";
import { groupOf, processGroups, readStates, removeState, type State } from "./running.ts";
import { table } from "./table.ts";

/** What does not stop in this time is killed. */
const patienceMs = 20_000;

interface Outcome {
  readonly name: string;
  readonly pid: number;
  readonly result: "stopped" | "killed" | "had ended";
}

export async function down({ names, json, keepData }: Request): Promise<number> {
  const states = readStates();
  const unknown = names.filter((name) => !states.some((state) => state.name === name));
  if (unknown.length > 0) throw new UsageError(`Does not run: ${unknown.join(", ")}.`);
  const chosen = states.filter(({ name }) => names.length === 0 || names.includes(name));
  const outcomes = await Promise.all(
    chosen.map(async (state): Promise<Outcome> => {
      const result = await stop(state);
      await removeState(state.name, keepData);
      return { name: state.name, pid: state.pid, result };
    }),
  );
  const rows = outcomes.map(({ name, pid, result }) => [name, String(pid), result]);
  const text = rows.length === 0 ? "No server runs.\n" : table(["name", "pid", ""], rows);
  process.stdout.write(json ? `${JSON.stringify(outcomes, undefined, 2)}\n` : text);
  return 0;
}

async function stop(state: State): Promise<Outcome["result"]> {
  if (groupOf(state, await processGroups()) === undefined) return "had ended";
  process.kill(state.pid, "SIGTERM");
  // a suspended process sees the signal only when it runs
  signalGroup(state.pid, "SIGCONT");
  const hasEnded = async () => groupOf(state, await processGroups()) === undefined;
  const options = { what: `${state.name} to stop`, timeoutMs: patienceMs, everyMs: 50 };
  const result = await until(hasEnded, options).then(
    () => "stopped" as const,
    () => "killed" as const,
  );
  // and what it may have left of its group
  signalGroup(state.pid, "SIGKILL");
  await until(async () => !(await processGroups()).has(state.pid), options);
  return result;
}
