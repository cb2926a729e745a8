/** `weir intake`: the topic that intake reads, and the topic of its dead letters. */
import type { Command } from "commander";
import { messageOf } from "../core/errors.ts";
import { readSecretFile } from "../process/run-file.ts";
import { contextOf, UserError } from "./context.ts";
import { withHelp } from "./help.ts";
import { missingKafka } from "./kafka-setting.ts";

interface ReplayFlags {
  readonly keyFile: string;
  readonly reason?: string;
  readonly dryRun?: boolean;
}

export function registerIntake(program: Command): void {
  const intake = withHelp(
    program
      .command("intake")
      .description("show how far a topic of Kafka is read, and send its dead letters again"),
    {
      examples: [
        "weir intake status",
        "weir intake replay-dlq --key-file shop.key --reason key_expired",
      ],
    },
  );
  withHelp(
    intake.command("status").description("show the topic, the consumer group and their lag"),
    { examples: ["weir intake status"] },
  ).action((_flags: object, command: Command) => status(command));
  withHelp(
    intake
      .command("replay-dlq")
      .description("send the copies in the topic raw_data.dlq to the topic raw_data again")
      .requiredOption("--key-file <file>", "file with an API key of the service that sent them")
      .option("--reason <code>", "only copies with this reason")
      .option("--dry-run", "count, and send nothing"),
    {
      examples: [
        "weir intake replay-dlq --key-file shop.key --reason unauthenticated --dry-run",
        "weir intake replay-dlq --key-file shop.key --reason unauthenticated",
      ],
      notes:
        "For messages whose sender was unknown; all others are replayed by `weir dlq replay`. The copies stay in their topic: sending them twice stores each event once.",
    },
  ).action((flags: ReplayFlags, command: Command) => replay(flags, command));
}

async function status(command: Command): Promise<void> {
  const { config, show } = contextOf(command);
  const missing = missingKafka(config);
  if (missing !== undefined) {
    show({ kafka_configured: false }, () => missing);
    return;
  }
  const { readIntakeLag } = await import("../compose/intake-lag.ts");
  const { topic, group, lag } = await readIntakeLag(config).catch((error: unknown) => {
    throw new UserError(messageOf(error), { hint: `kafka.brokers: ${config.kafka.brokers}` });
  });
  const enabled = config.intake.enabled;
  show({ kafka_configured: true, enabled, topic, group, unread_messages: lag }, () =>
    [
      `topic         ${topic}`,
      `group         ${group}${enabled ? "" : "; intake is disabled (intake.enabled)"}`,
      `behind        ${Object.values(lag).reduce((sum, messages) => sum + messages, 0)} messages`,
      ...Object.entries(lag)
        .filter(([, messages]) => messages > 0)
        .map(([partition, messages]) => `  partition ${partition}: ${messages}`),
    ].join("\n"),
  );
}

async function replay(flags: ReplayFlags, command: Command): Promise<void> {
  const { keyFile, reason, dryRun: isDryRun = false } = flags;
  const { config, show } = contextOf(command);
  const missing = missingKafka(config);
  if (missing !== undefined) throw new UserError(missing);
  const key = readSecretFile(keyFile);
  if (key === undefined) throw new UserError(`${keyFile} cannot be read`);
  // only this command needs the client library
  const { replayDlqTopic } = await import("../compose/replay-copies.ts");
  const result = await replayDlqTopic(config, { key, reason, isDryRun });
  show(result, ({ read, matching, sent }) =>
    isDryRun
      ? `${matching} of ${read} messages match; nothing was sent.`
      : `${sent} of ${read} messages were sent again; see weir dlq list for those that fail again.`,
  );
}
