/** Kills of Weir's processes and of PostgreSQL while messages arrive. */
import { setTimeout as delay } from "node:timers/promises";
import { until } from "../../../../testing/until.ts";
import { readRunFile } from "../../../src/process/run-file.ts";
import type { IntakeStage } from "./intake-stage.ts";

export const catchUpMs = 120_000;

export function eventOf(id: string): string {
  return JSON.stringify({ event_type: "product.view", event_id: id, user_id: `u-${id.slice(-2)}` });
}

/**
 * Messages arrive while PostgreSQL is down, and intake is killed before it is back.
 * @returns how many are lost; `patienceMs` is how long those are waited for that are not stored yet
 */
export async function loseByKill(stage: IntakeStage, patienceMs?: number): Promise<number> {
  const run = `l-${performance.now().toFixed(0)}-`;
  await stage.send([{ value: eventOf(`${run}first`) }]);
  const idsOf = async () => {
    const stored = await stage.storedIds().catch((): readonly string[] => []);
    return stored.filter((id) => id.startsWith(run));
  };
  await until(async () => (await idsOf()).length === 1, { what: () => stage.weir.output() });
  const ids = Array.from({ length: 200 }, (_, n) => `${run}${n}`);
  const [postgres, intake] = [stage.pidOf("postgres"), stage.pidOf("intake")];
  process.kill(postgres, "SIGKILL");
  await stage.send(ids.map((id) => ({ value: eventOf(id), key: id })));
  // the broker has them, and a commit of offsets takes 200 ms
  await delay(500);
  process.kill(intake, "SIGKILL");
  await untilRestarted(stage, "intake", intake);
  await stage.send([{ value: eventOf(`${run}last`) }]);
  const stored = async () => (await idsOf()).length;
  await until(async () => (await idsOf()).includes(`${run}last`), {
    what: () => stage.weir.output(),
    timeoutMs: catchUpMs,
  });
  // another partition may be slower; what is lost does not come
  const all = ids.length + 2;
  const patience = patienceMs === undefined ? {} : { timeoutMs: patienceMs };
  await until(async () => (await stored()) === all, { what: "all", ...patience }).catch(() => {});
  return all - (await stored());
}

export async function killAndWait(stage: IntakeStage, name: string): Promise<void> {
  const pid = stage.pidOf(name);
  process.kill(pid, "SIGKILL");
  await untilRestarted(stage, name, pid);
}

async function untilRestarted({ weir }: IntakeStage, name: string, pid: number): Promise<void> {
  await until(
    () => {
      const now = readRunFile(weir.dataDir)?.pids[name];
      return now !== undefined && now !== pid;
    },
    { what: `${name} to be started again`, timeoutMs: 60_000 },
  );
}
