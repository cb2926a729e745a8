/** `/api/windows`: windows, their state and their reruns. */
import { instantExpects, instantPattern } from "../patterns.ts";
import { array, boolean, type Infer, integer, nullable, object, oneOf, string } from "../schema.ts";
import { freshnessSchema, granularities, instant } from "./common.ts";

const runStates = ["queued", "running", "done", "failed"] as const;

/** `GET /api/windows?size&state&from&to&cursor&limit`: newest first. */
export const windowSchema = object(
  {
    size: oneOf(granularities),
    start: instant(),
    end: instant(),
    state: oneOf(["open", "closed", "rebuilding", "failed"]),
    events: integer(),
    users: integer(),
    sessions: integer(),
    updated_at: instant(),
    last_run: nullable(
      object(
        {
          at: instant(),
          duration_ms: nullable(integer()),
          attempts: integer(),
          state: oneOf(runStates),
          changed: nullable(
            boolean({ description: "Whether the rerun changed any number of the window." }),
          ),
          error: nullable(string()),
        },
        { description: "The last rerun; null if the window was never recomputed." },
      ),
    ),
  },
  { $id: "Window" },
);
export type Window = Infer<typeof windowSchema>;

export const windowPageSchema = object(
  {
    windows: array(windowSchema),
    next_cursor: nullable(string()),
    freshness: freshnessSchema,
    worker: nullable(
      object(
        { owner: string(), epoch: integer(), heartbeat_at: instant(), alive: boolean() },
        { description: "The process that holds the lease of the ETL; null before the first." },
      ),
    ),
  },
  { $id: "WindowPage" },
);
export type WindowPage = Infer<typeof windowPageSchema>;

/** `POST /api/windows/rerun { size, start }`, answered 202. */
export const rerunRequestSchema = object(
  {
    size: oneOf(granularities),
    start: string({ pattern: instantPattern, format: "date-time", "x-expects": instantExpects }),
  },
  { $id: "RerunRequest", examples: [{ size: "hour", start: "2026-11-21T09:00:00Z" }] },
);
export const rerunAnswerSchema = object(
  { run_id: string(), size: oneOf(granularities), start: instant(), state: oneOf(["queued"]) },
  { $id: "RerunAnswer" },
);

/** `GET /api/windows/runs?size&state&cursor&limit`: newest first. */
export const runPageSchema = object(
  {
    runs: array(
      object({
        run_id: string(),
        size: oneOf(granularities),
        start: instant(),
        state: oneOf(runStates),
        requested_by: string(),
        requested_at: instant(),
        started_at: nullable(instant()),
        finished_at: nullable(instant()),
        duration_ms: nullable(integer()),
        attempts: integer(),
        rows: nullable(integer({ description: "Rows in the window's tables after the rerun." })),
        changed: nullable(
          boolean({ description: "Whether the rerun changed any number of the window." }),
        ),
        error: nullable(string()),
      }),
    ),
    next_cursor: nullable(string()),
  },
  { $id: "RunPage" },
);
export type RunPage = Infer<typeof runPageSchema>;
