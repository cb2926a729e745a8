import {
  granularities,
  type Infer,
  rerunAnswerSchema,
  rerunRequestSchema,
  runPageSchema,
  schema,
  windowPageSchema,
} from "@weir/protocol";
import type { Route } from "../../core/ports/route.ts";
import type { QueryContext } from "./context.ts";
import { choiceOf, cursorParameter, limitOf, limitParameter } from "./parameters.ts";
import { readRuns, readStart } from "./questions/reruns.ts";
import { readWindows, runStates, windowStates } from "./questions/windows.ts";
import { momentParameter, rangeParameters, readInstant, readZone } from "./range.ts";

/** Windows, their state and their reruns. */
export function windowRoutes(context: QueryContext): Route[] {
  const { runner } = context;
  return [
    {
      method: "GET",
      path: "/api/windows",
      view: "windows.window_list",
      access: "permission",
      summary: "Windows that contain events, newest first, with their state and last rerun.",
      query: {
        size: schema.oneOf(granularities, { default: "hour" }),
        state: schema.oneOf(windowStates),
        from: momentParameter("Earliest start, inclusive."),
        to: momentParameter("Latest start, exclusive."),
        time_zone: rangeParameters.time_zone,
        cursor: cursorParameter,
        limit: limitParameter(1_000, 100),
      },
      errors: ["unanswerable_query"],
      responses: { 200: { description: "A page of results.", schema: windowPageSchema } },
      async handle({ query, signal }) {
        const zone = readZone(query["time_zone"]);
        const bound = (name: "from" | "to") =>
          query[name] === undefined ? undefined : readInstant(name, query[name], zone);
        const question = {
          size: choiceOf(query, "size", granularities) ?? "hour",
          state: choiceOf(query, "state", windowStates),
          fromMs: bound("from"),
          toMs: bound("to"),
          cursor: query["cursor"],
          limit: limitOf(query, 100),
        };
        return { status: 200, body: await readWindows(runner, question, signal) };
      },
    },
    {
      method: "POST",
      path: "/api/windows/rerun",
      view: "windows.window_rerun",
      access: "permission",
      summary: "Recompute a window from its raw events.",
      body: { kind: "json", schema: rerunRequestSchema },
      responses: { 202: { description: "The rerun is queued.", schema: rerunAnswerSchema } },
      async handle({ body, principal }) {
        const { size, start } = body as Infer<typeof rerunRequestSchema>;
        const rerun = { size, start: readStart(start), requestedBy: principal.service };
        const { runId } = await context.requestRerun(rerun);
        const queued = { run_id: runId, size, start: rerun.start.toISOString(), state: "queued" };
        return { status: 202, body: queued };
      },
    },
    {
      method: "GET",
      path: "/api/windows/runs",
      view: "windows.run_list",
      access: "permission",
      summary: "Reruns of windows, newest first.",
      query: {
        size: schema.oneOf(granularities),
        state: schema.oneOf(runStates),
        cursor: cursorParameter,
        limit: limitParameter(1_000, 100),
      },
      errors: ["unanswerable_query"],
      responses: { 200: { description: "A page of results.", schema: runPageSchema } },
      async handle({ query, signal }) {
        const question = {
          size: choiceOf(query, "size", granularities),
          state: choiceOf(query, "state", runStates),
          cursor: query["cursor"],
          limit: limitOf(query, 100),
        };
        return { status: 200, body: await readRuns(runner, question, signal) };
      },
    },
  ];
}
