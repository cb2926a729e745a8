import { userInfo } from "node:os";
import type { Command } from "commander";
import { engines, readEngine, useEngine, wantJob } from "../parts/engine/engine.ts";
import { answerOf } from "../parts/engine/routes.ts";
import { readLag } from "../parts/log/lag.ts";
import { exitCodes, UserError } from "./context.ts";
import { type DatabaseContext, withDatabase } from "./database-command.ts";
import { withHelp } from "./help.ts";
import { missingKafka } from "./kafka-setting.ts";

export function registerEngine(program: Command): void {
  const engine = withHelp(
    program
      .command("engine")
      .description("show and choose the engine that folds raw events into windows"),
    { examples: ["weir engine status", "weir engine use spark", "weir engine spark stop"] },
  );

  withHelp(engine.command("status").description("show the engine in charge and the Spark job"), {
    examples: ["weir engine status", "weir engine status --json"],
  }).action((_flags: object, command: Command) => withDatabase(command, showStatus));

  withHelp(
    engine
      .command("use <engine>")
      .description(`hand the windows over to an engine: ${engines.join(" or ")}`),
    {
      examples: ["weir engine use spark", "weir engine use builtin"],
      notes:
        "Safe at any moment, also under load and when the other engine is dead: each event is folded once. It waits for the\n" +
        "batch in progress. The choice outlives restarts, until the setting engine.windows changes.",
    },
  ).action((...[name, , command]: [string, object, Command]) =>
    withDatabase(command, (context) => use(context, name)),
  );

  const spark = withHelp(
    engine.command("spark").description("start, stop and examine the Spark job"),
    { examples: ["weir engine spark start", "weir engine spark status"] },
  );
  withHelp(
    spark.command("start").description("start the Spark job and hand the windows over to it"),
    {
      examples: ["weir engine spark start"],
      notes:
        "The process with the part spark starts the job: that of weir up with spark.enabled, or weir serve --parts spark.",
    },
  ).action((_flags: object, command: Command) => withDatabase(command, start));
  withHelp(
    spark
      .command("stop")
      .description("hand the windows back to the built-in engine and stop the Spark job"),
    { examples: ["weir engine spark stop"] },
  ).action((_flags: object, command: Command) => withDatabase(command, stop));
  withHelp(spark.command("status").description("show the Spark job and what it reports"), {
    examples: ["weir engine spark status"],
  }).action((_flags: object, command: Command) => withDatabase(command, showStatus));
}

async function use(context: DatabaseContext, name: string): Promise<void> {
  const engine = engines.find((known) => known === name);
  if (engine === undefined) {
    throw new UserError(`there is no engine "${name}"`, {
      exitCode: exitCodes.usage,
      hint: `known engines: ${engines.join(", ")}`,
    });
  }
  const changed = await useEngine(context.database, { engine, actor: actor() });
  context.show({ engine, changed }, () =>
    changed ? `${titles[engine]} folds the windows now.` : `${titles[engine]} folds them already.`,
  );
}

const titles = { builtin: "The built-in engine", spark: "Spark" } as const;

async function start(context: DatabaseContext): Promise<void> {
  const { database, show } = context;
  const { supervisor } = await readEngine(database);
  // the windows would not advance
  if (supervisor === null) {
    throw new UserError("no process with the part spark is running, which would start the job", {
      hint: "set spark.enabled and restart weir up, or run weir serve --parts spark",
    });
  }
  await wantJob(database, { wanted: true, actor: actor() });
  await useEngine(database, { engine: "spark", actor: actor() });
  show({ engine: "spark", supervisor }, () => `${supervisor} starts the Spark job.`);
}

async function stop({ database, show }: DatabaseContext): Promise<void> {
  await useEngine(database, { engine: "builtin", actor: actor() });
  await wantJob(database, { wanted: false, actor: actor() });
  show({ engine: "builtin" }, () => "The built-in engine folds the windows; the Spark job ends.");
}

async function showStatus({ database, config, show }: DatabaseContext): Promise<void> {
  const state = answerOf(await readEngine(database));
  const lag = await readLag(database, "windows");
  const { run, supervisor, wanted } = state.spark;
  const missing = missingKafka(config);
  const shown = {
    ...state,
    kafka_configured: missing === undefined,
    behind_events: lag?.events ?? null,
    behind_s: lag?.seconds ?? null,
  };
  show(shown, () =>
    [
      `windows      ${titles[state.engine]}, since ${state.changed_at}${state.changed_by === null ? "" : ` (${state.changed_by})`}`,
      `behind       ${lag?.events ?? "?"}${lag?.more ? "+" : ""} events, ${(lag?.seconds ?? 0).toFixed(1)} s`,
      `supervisor   ${supervisor ?? "none"}${wanted ? "" : "; the job was stopped"}`,
      ...(run === null
        ? ["last run     none"]
        : [
            `last run     ${run.epoch}, ${run.owner}, since ${run.began_at}`,
            `folded       ${run.events} events in ${run.batches} batches`,
            `last report  ${run.report_age_s?.toFixed(1)} s ago: ${JSON.stringify(run.report)}`,
          ]),
      ...(missing === undefined ? [] : [`spark        needs Kafka. ${missing}`]),
    ].join("\n"),
  );
}

function actor(): string {
  return `cli:${userInfo().username}`;
}
