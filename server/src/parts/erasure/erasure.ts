/**
 * The part `erasure`: erases users on request, in the stages of `stages.ts`. Each stage can be repeated, so a crash in
 * between changes nothing.
 */
import { messageOf } from "../../core/errors.ts";
import type { Database, Notifications } from "../../core/ports/database.ts";
import type { Part } from "../../core/ports/part.ts";
import { createWake } from "../../timing/wake.ts";
import type { Reruns } from "./ports.ts";
import { type ErasureRequest, stages } from "./stages.ts";

export interface ErasureOptions {
  /** As the owner of the tables: no other role may delete from the raw log. */
  readonly database: Database;
  readonly notifications: Notifications;
  readonly reruns: Reruns;
  readonly onDone?: (done: { readonly id: string; readonly milliseconds: number }) => void;
  readonly onError?: (error: unknown) => void;
}

const pollMs = 10_000;
const retryMs = 5_000;

export function createErasure(options: ErasureOptions): Part {
  let problem: string | undefined;
  return {
    name: "erasure",
    problem: () => problem,
    async run(signal) {
      const wake = createWake();
      const unsubscribe = options.notifications.subscribe("weir_erasure", () => wake.wake());
      try {
        while (!signal.aborted) {
          let waitMs = pollMs;
          try {
            while (!signal.aborted && (await eraseNext(options, signal)));
            problem = undefined;
          } catch (error) {
            if (signal.aborted) break;
            problem = messageOf(error);
            options.onError?.(error);
            waitMs = retryMs;
          }
          await wake.wait(waitMs, signal);
        }
      } finally {
        unsubscribe();
      }
    },
  };
}

/** Erases the user of the oldest request; false if there is none. */
async function eraseNext(options: ErasureOptions, signal: AbortSignal): Promise<boolean> {
  const { database } = options;
  const [request] = await database.query<ErasureRequest>({
    text: `update erasure.requests set state = 'running' where id = (
             select id from erasure.requests where state <> 'done' order by requested_at limit 1)
           returning id, user_key`,
  });
  if (request === undefined) return false;
  const started = performance.now();
  try {
    await erase(options, request, signal);
  } catch (error) {
    if (signal.aborted) return false;
    await database.query({
      text: "update erasure.requests set error = $2 where id = $1",
      values: [request.id, messageOf(error)],
    });
    throw error;
  }
  options.onDone?.({ id: request.id, milliseconds: performance.now() - started });
  return true;
}

async function erase(
  { database, reruns }: ErasureOptions,
  request: ErasureRequest,
  signal: AbortSignal,
): Promise<void> {
  for (const { name, run } of stages) {
    await database.query({
      text: "update erasure.requests set stage = $2 where id = $1",
      values: [request.id, name],
    });
    await run({ database, reruns, request, signal });
  }
  await database.query({
    text: `update erasure.requests
           set state = 'done', stage = null, user_key = null, error = null, finished_at = now() where id = $1`,
    values: [request.id],
  });
}
