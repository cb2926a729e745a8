import { userInfo } from "node:os";
import { createInterface } from "node:readline/promises";
import type { Command } from "commander";
import { writeAudit } from "../parts/auth/administration.ts";
import { readLag } from "../parts/log/lag.ts";
import { planRewind, type RewindPlan, readRewindFrom, rewind } from "../parts/relay/rewind.ts";
import { readRelayState } from "../parts/relay/status.ts";
import { exitCodes, UserError } from "./context.ts";
import { type DatabaseContext, withDatabase } from "./database-command.ts";
import { withHelp } from "./help.ts";
import { missingKafka } from "./kafka-setting.ts";

interface RewindFlags {
  readonly from: string;
  readonly yes?: boolean;
}

export function registerRelay(program: Command): void {
  const relay = withHelp(
    program
      .command("relay")
      .description("show how far the raw log is copied to Kafka, and send events again"),
    { examples: ["weir relay status", "weir relay rewind --from 2027-01-31T12:00:00Z"] },
  );

  withHelp(
    relay.command("status").description("show the topic, the lag and what the topic has lost"),
    { examples: ["weir relay status"] },
  ).action((_flags: object, command: Command) => withDatabase(command, status));

  withHelp(
    relay
      .command("rewind")
      .description("send events to the topic again, after its broker has lost them")
      .requiredOption("--from <where>", "a time, `beginning`, or a position of the log")
      .option("--yes", "do not ask"),
    {
      examples: [
        "weir relay rewind --from 2027-01-31T12:00:00Z",
        "weir relay rewind --from beginning --yes",
      ],
      notes:
        "Consumers get these events a second time, if the topic still has them: they process each (service_id, id) once.",
    },
  ).action((flags: RewindFlags, command: Command) =>
    withDatabase(command, (context) => rewindFrom(context, flags)),
  );
}

async function status({ database, config, show }: DatabaseContext): Promise<void> {
  const state = await readRelayState(database);
  const lag = await readLag(database, "relay");
  const missing = missingKafka(config);
  const shown = {
    kafka_configured: missing === undefined,
    topic: state.topic,
    topic_id: state.topicId,
    running: state.running,
    owner: state.owner,
    unread_events: lag?.events ?? null,
    behind_seconds: lag?.seconds ?? null,
    loss: state.loss,
    loss_noticed_at: state.lossNoticedAt,
    differences: state.differences,
  };
  show(shown, () =>
    [
      ...(missing === undefined ? [] : [missing]),
      `topic         ${state.topic ?? "not reached yet"}`,
      `relay         ${state.running ? `runs as ${state.owner}` : "does not run"}`,
      `behind        ${lag === undefined ? "has not begun" : `${lag.events}${lag.more ? "+" : ""} events, ${lag.seconds.toFixed(1)} s`}`,
      ...(state.loss === null ? [] : [`lost          ${state.loss} (${state.lossNoticedAt})`]),
      ...state.differences.map((difference) => `differs       ${difference}`),
    ].join("\n"),
  );
}

async function rewindFrom(
  { database, show }: DatabaseContext,
  { from, yes = false }: RewindFlags,
): Promise<void> {
  const where = readRewindFrom(from);
  if (where === undefined) {
    throw new UserError(`"${from}" is neither a time, nor "beginning", nor a position`, {
      exitCode: exitCodes.usage,
      hint: "use RFC 3339, such as 2027-01-31T12:00:00Z",
    });
  }
  const plan = await planRewind(database, where);
  if (plan === undefined) {
    show({ events: 0 }, () => "The relay has sent nothing since then: there is nothing to repeat.");
    return;
  }
  if (!yes && !(await confirm(plan))) {
    throw new UserError("nothing was changed", { hint: "confirm with --yes" });
  }
  const actor = `cli:${userInfo().username}`;
  if (!(await rewind(database, plan, { actor, audit: writeAudit }))) {
    throw new UserError("that position is not before the one of the relay");
  }
  show(
    {
      position: plan.position,
      events: plan.events,
      first_received_at: plan.firstReceivedAt,
      last_received_at: plan.lastReceivedAt,
    },
    () => `The relay sends ${sentence(plan)} again.`,
  );
}

async function confirm(plan: RewindPlan): Promise<boolean> {
  if (process.stdin.isTTY !== true) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`Send ${sentence(plan)} again? [y/N] `);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}

function sentence({ events, firstReceivedAt, lastReceivedAt }: RewindPlan): string {
  return `${events} events received from ${firstReceivedAt} to ${lastReceivedAt}`;
}
