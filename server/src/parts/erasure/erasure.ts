/**
 * The part `erasure`: takes all open requests through the steps of `open-requests.ts` at once, in small units
 * of work. First the raw events of every requested user, so that nothing is derived from them again; then the windows, a
 * slice at a time; then what workers had read. Every unit can be repeated, so a crash in between changes nothing.
 */
import { messageOf } from "../../core/errors.ts";
import type { Database, Notifications } from "../../core/ports/database.ts";
import type { Part } from "../../core/ports/part.ts";
import { createWake } from "../../timing/wake.ts";
import { createSetFixer, type SetFixer } from "./fix-set.ts";
import { type OpenRequest, readOpenRequests, recordError, steps } from "./open-requests.ts";
import { passPages } from "./pages.ts";
import { erasePlaces } from "./places.ts";
import type { UserHistory } from "./ports.ts";
import { eraseRawEvents } from "./raw-events.ts";
import { createWindowCorrector, separateHistory, type WindowCorrector } from "./windows.ts";

export interface ErasureOptions {
  /** As the owner of the tables: no other role may delete from the raw log. */
  readonly database: Database;
  readonly notifications: Notifications;
  readonly history: UserHistory;
  readonly onDone?: (done: { readonly id: string }) => void;
  readonly onError?: (error: unknown) => void;
}

const pollMs = { idle: 10_000, waiting: 300, failed: 5_000 } as const;

/** `waiting`: for transactions or workers. */
type Round = keyof typeof pollMs | "worked";

export function createErasure(options: ErasureOptions): Part {
  let problem: string | undefined;
  return {
    name: "erasure",
    problem: () => problem,
    async run(signal) {
      const wake = createWake();
      const unsubscribe = options.notifications.subscribe("weir_erasure", () => wake.wake());
      const fixer = createSetFixer(options.database);
      const windows = createWindowCorrector(options.database);
      const report = (error: unknown) => {
        problem = messageOf(error);
        options.onError?.(error);
      };
      try {
        while (!signal.aborted) {
          const round = await work({ ...options, fixer, windows, report }, signal);
          if (round !== "failed") problem = undefined;
          if (round !== "worked") await wake.wait(pollMs[round], signal);
        }
      } finally {
        unsubscribe();
      }
    },
  };
}

interface Context extends ErasureOptions {
  readonly fixer: SetFixer;
  readonly windows: WindowCorrector;
  readonly report: (error: unknown) => void;
}

/** One unit of each kind. A kind that fails is retried later and does not hold up the others. */
async function work(context: Context, signal: AbortSignal): Promise<Round> {
  const { database, fixer, windows, report } = context;
  const arrived = async () => {
    const inStep = async (step: number) =>
      (await readOpenRequests(database)).filter((request) => request.step === step);
    await fixer.step(await inStep(steps.none));
    return inStep(steps.fixed);
  };
  let open: readonly OpenRequest[];
  try {
    open = await readOpenRequests(database);
  } catch (error) {
    if (!signal.aborted) report(error);
    return "failed";
  }
  const units: readonly Unit[] = [
    [steps.none, (requests) => fixer.step(requests)],
    [
      steps.fixed,
      (requests) => eraseRawEvents({ database, signal, arrived }, requests).then(always),
    ],
    [steps.raw, (requests) => separateHistory(database, requests).then(always)],
    [steps.separated, (requests) => windows.correct(requests, signal).then(always)],
    [steps.analytics, (requests) => passPages(database, requests)],
    [steps.pages, (requests) => finishOne(context, requests[0])],
  ];
  let round: Round = open.length === 0 ? "idle" : "waiting";
  for (const [step, run] of units) {
    const requests = open.filter((request) => request.step === step);
    if (requests.length === 0) continue;
    try {
      if ((await run(requests)) && round !== "failed") round = "worked";
    } catch (error) {
      if (signal.aborted) return "failed";
      round = "failed";
      report(error);
      await recordError(database, requests, messageOf(error)).catch(() => {});
    }
  }
  return round;
}

/** Answers whether it changed anything. */
type Unit = readonly [step: number, run: (requests: readonly OpenRequest[]) => Promise<boolean>];

const always = (): boolean => true;

async function finishOne(context: Context, request: OpenRequest | undefined): Promise<boolean> {
  if (request === undefined) return false;
  await erasePlaces(context, request);
  context.onDone?.({ id: request.id });
  return true;
}
