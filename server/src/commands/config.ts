import type { Command } from "commander";
import { settings, withoutSecrets } from "../config/settings.ts";
import { configMarkdown, configYaml } from "../config/show.ts";
import { contextOf } from "./context.ts";
import { withHelp } from "./help.ts";

export function registerConfig(program: Command): void {
  const config = withHelp(
    program.command("config").description("check, print or document the settings"),
    { examples: ["weir config check", "weir config print"] },
  );

  withHelp(
    config
      .command("check")
      .description("validate weir.yaml, config/<env>.yaml and the WEIR_… variables"),
    { examples: ["weir config check"] },
  ).action((_options, command: Command) => {
    contextOf(command).show({ ok: true }, () => "The configuration is valid.");
  });

  withHelp(config.command("print").description("print the settings in force, without secrets"), {
    examples: ["weir config print --json"],
  }).action((_options, command: Command) => {
    const { config: inForce, show } = contextOf(command);
    show(withoutSecrets(inForce), configYaml);
  });

  withHelp(
    config
      .command("docs")
      .description("print every setting with its variable, type, default and meaning, as Markdown"),
    { examples: ["weir config docs > docs/configuration.md"] },
  ).action((_options, command: Command) => {
    contextOf(command).show(settings(), configMarkdown);
  });
}
