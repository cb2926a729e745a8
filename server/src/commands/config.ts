import type { Command } from "commander";
import { settings, withoutSecrets } from "../config/settings.ts";
import { configMarkdown, configYaml } from "../config/show.ts";
import { contextOf } from "./context.ts";

export function registerConfig(program: Command): void {
  const config = program.command("config").description("check, print or document the settings");

  config
    .command("check")
    .description("validate weir.yaml, config/<env>.yaml and the WEIR_… variables")
    .addHelpText("after", "\nExample:\n  $ weir config check")
    .action((_options, command: Command) => {
      const { show } = contextOf(command);
      show({ ok: true }, () => "The configuration is valid.");
    });

  config
    .command("print")
    .description("print the settings in force, without secrets")
    .addHelpText("after", "\nExample:\n  $ weir config print --json")
    .action((_options, command: Command) => {
      const { config: inForce, show } = contextOf(command);
      show(withoutSecrets(inForce), configYaml);
    });

  config
    .command("docs")
    .description("print every setting with its variable, type, default and meaning, as Markdown")
    .addHelpText("after", "\nExample:\n  $ weir config docs > docs/configuration.md")
    .action((_options, command: Command) => {
      const { show } = contextOf(command);
      show(settings(), configMarkdown);
    });
}
