import { schema as s } from "@weir/protocol";
import type { Database } from "../../core/ports/database.ts";
import type { Route } from "../../core/ports/route.ts";
import { type EngineState, engines, readEngine, useEngine } from "./engine.ts";

const nullableNumber = s.nullable(s.number());

const engineSchema = s.object(
  {
    engine: s.oneOf(engines, { description: "The engine that folds raw events into windows." }),
    changed_at: s.string({ format: "date-time" }),
    changed_by: s.nullable(s.string({ description: "The caller of the last hand-over." })),
    folded_beyond_position: s.integer({
      description: "Events that Spark has folded beyond the position of the windows.",
    }),
    spark: s.object({
      wanted: s.boolean({ description: "Whether the Spark job is to run." }),
      supervisor: s.nullable(s.string({ description: "The process that supervises the job." })),
      run: s.nullable(
        s.object({
          epoch: s.integer(),
          owner: s.string(),
          began_at: s.string({ format: "date-time" }),
          batches: s.integer(),
          events: s.integer({ description: "Events that this run has folded." }),
          report_age_s: nullableNumber,
          report: s.record(s.unknown(), { description: "The last report of the job." }),
        }),
      ),
    }),
  },
  { $id: "Engine" },
);

const useSchema = s.object({
  engine: s.oneOf(engines, { description: "The engine that is to fold the windows." }),
});

/** Which engine folds the windows, and the hand-over to the other. */
export function engineRoutes(database: Database): Route[] {
  return [
    {
      method: "GET",
      path: "/api/engine",
      view: "windows.engine_get",
      access: "permission",
      summary: "The engine that folds raw events into windows, and the state of the Spark job.",
      responses: { 200: { description: "The engine.", schema: engineSchema } },
      async handle() {
        return { status: 200, body: answerOf(await readEngine(database)) };
      },
    },
    {
      method: "POST",
      path: "/api/engine",
      view: "windows.engine_use",
      access: "permission",
      summary: "Hand the windows over to an engine; safe at any moment, and repeatable.",
      body: { kind: "json", schema: useSchema },
      responses: { 200: { description: "The engine in charge now.", schema: engineSchema } },
      async handle({ body, principal }) {
        const { engine } = body as { readonly engine: EngineState["engine"] };
        await useEngine(database, { engine, actor: principal.service });
        return { status: 200, body: answerOf(await readEngine(database)) };
      },
    },
  ];
}

/** The same for the API and the command line. */
export function answerOf({ run, ...state }: EngineState) {
  return {
    engine: state.engine,
    changed_at: state.changedAt.toISOString(),
    changed_by: state.changedBy,
    folded_beyond_position: state.foldedBeyond,
    spark: {
      wanted: state.jobWanted,
      supervisor: state.supervisor,
      run:
        run === undefined
          ? null
          : {
              epoch: run.epoch,
              owner: run.owner,
              began_at: run.beganAt.toISOString(),
              batches: run.batches,
              events: run.events,
              report_age_s: run.reportAgeSeconds,
              report: run.report,
            },
    },
  };
}
