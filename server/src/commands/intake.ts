/** `weir intake`: messages of the topic of dead letters. */
import type { Command } from "commander";
import { readSecretFile } from "../process/run-file.ts";
import { contextOf, UserError } from "./context.ts";
import { withHelp } from "./help.ts";

interface ReplayFlags {
  readonly keyFile: string;
  readonly reason?: string;
  readonly dryRun?: boolean;
}

export function registerIntake(program: Command): void {
  const intake = withHelp(
    program.command("intake").description("send messages of the topic of dead letters again"),
    { examples: ["weir intake replay-dlq --key-file shop.key --reason key_expired"] },
  );
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

async function replay(flags: ReplayFlags, command: Command): Promise<void> {
  const { keyFile, reason, dryRun: isDryRun = false } = flags;
  const { config, show } = contextOf(command);
  if (config.kafka.brokers.length === 0) {
    throw new UserError("no brokers are configured", { hint: "set kafka.brokers" });
  }
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
