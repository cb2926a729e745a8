/** `weir windows rerun --engine spark`: a range of windows, recomputed by a batch job of Spark. */
import { userInfo } from "node:os";
import type { Granularity } from "@weir/protocol";
import { readEngine } from "../parts/engine/engine.ts";
import { readSparkRerun, requestSparkRerun, type SparkRerun } from "../parts/engine/reruns.ts";
import { poll } from "../timing/poll.ts";
import { exitCodes, pollIntervalMs, UserError } from "./context.ts";
import type { DatabaseContext } from "./database-command.ts";
import { readInstant } from "./option-values.ts";

const hourMs = 3_600_000;

export interface SparkRange {
  readonly size: Granularity;
  readonly start: Date;
  /** Start of the first window after the range; undefined: one window. */
  readonly until: string | undefined;
  readonly wait: boolean;
}

export async function rerunBySpark(context: DatabaseContext, range: SparkRange): Promise<void> {
  const { database, show } = context;
  const { from, until } = hoursOf(range);
  if ((await readEngine(database)).supervisor === null) {
    throw new UserError("no process with the part spark is running, which would start the job", {
      hint: "set spark.enabled and restart weir up, or run weir serve --parts spark; or leave out --engine spark",
    });
  }
  const id = await requestSparkRerun(database, { from, until, requestedBy: actor() });
  if (!range.wait) {
    show({ rerun_id: id }, () => `Queued as rerun ${id}.`);
    return;
  }
  const ended = await waitForRerun(context, id);
  show(answerOf(ended), () => summary(ended));
  if (ended.state === "failed") process.exitCode = exitCodes.failed;
}

/** An hour is recomputed as a whole, and a range of minutes as the hours that they lie in. */
function hoursOf({ size, start, until }: SparkRange): {
  readonly from: Date;
  readonly until: Date;
} {
  const unitMs = { minute: 60_000, hour: hourMs, day: 24 * hourMs }[size];
  const end = until === undefined ? start.getTime() + unitMs : readInstant(until).getTime();
  for (const at of [start.getTime(), end]) {
    if (at % unitMs !== 0) {
      throw new UserError(`${new Date(at).toISOString()} is not the start of a ${size} in UTC`, {
        exitCode: exitCodes.usage,
      });
    }
  }
  if (end <= start.getTime()) {
    throw new UserError("--until is not after the start", { exitCode: exitCodes.usage });
  }
  return {
    from: new Date(Math.floor(start.getTime() / hourMs) * hourMs),
    until: new Date(Math.ceil(end / hourMs) * hourMs),
  };
}

async function waitForRerun({ database, json }: DatabaseContext, id: string): Promise<SparkRerun> {
  const isShown = process.stderr.isTTY && !json;
  const ended = await poll(
    async () => {
      const rerun = await readSparkRerun(database, id);
      if (rerun === undefined) throw new UserError(`rerun ${id} no longer exists`);
      if (isShown) process.stderr.write(`\r\u001b[2K${progress(rerun)}`);
      return rerun.state === "open" ? undefined : rerun;
    },
    { everyMs: pollIntervalMs },
  );
  if (isShown) process.stderr.write("\r\u001b[2K");
  return ended;
}

function progress({ owner, pass, doneHours, hours, error }: SparkRerun): string {
  if (error !== null) return `waits for the next attempt: ${error.split("\n", 1)[0]}`.slice(0, 100);
  if (owner === null) return "waits for Spark to start";
  return `pass ${pass}: ${doneHours} of ${hours} hours`;
}

function answerOf({ id, state, pass, hours, rows, changed, error, durationMs }: SparkRerun) {
  return { id, state, passes: pass, hours, rows, changed, error, duration_ms: durationMs };
}

function summary({ state, error, durationMs, rows, hours, pass, changed }: SparkRerun): string {
  if (state === "failed") return `Failed: ${error}`;
  const outcome = changed ? "the numbers changed" : "the numbers did not change";
  return `Done in ${durationMs} ms over ${hours} hours with ${rows} raw events, in ${pass} passes: ${outcome}.`;
}

/** Of the entry in the audit log and of the list of runs. */
export function actor(): string {
  return `cli:${userInfo().username}`;
}
