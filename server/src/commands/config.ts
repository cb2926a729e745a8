import type { Command } from "commander";
import { stringify } from "yaml";
import { type Setting, settings, withoutSecrets } from "../config/load.ts";
import { contextOf } from "./context.ts";

export function registerConfig(program: Command): void {
  const config = program.command("config").description("check, print or document the settings");

  config
    .command("check")
    .description("read weir.yaml, config/<env>.yaml and WEIR_… variables; say what is wrong")
    .addHelpText("after", "\nExample:\n  $ weir config check")
    .action((_options, command: Command) => {
      const { show } = contextOf(command);
      show({ ok: true }, () => "The configuration is valid.");
    });

  config
    .command("print")
    .description("print the settings in force, secrets blanked")
    .addHelpText("after", "\nExample:\n  $ weir config print --json")
    .action((_options, command: Command) => {
      const { config: inForce, show } = contextOf(command);
      show(withoutSecrets(inForce), (value) => stringify(value).trimEnd());
    });

  config
    .command("docs")
    .description("print every setting with its variable, type, default and meaning (Markdown)")
    .addHelpText("after", "\nExample:\n  $ weir config docs > docs/configuration.md")
    .action((_options, command: Command) => {
      const { show } = contextOf(command);
      show(settings(), configDocs);
    });
}

/** `docs/configuration.md`: made from the schema, so it cannot be out of date unnoticed. */
export function configDocs(all: readonly Setting[]): string {
  const rows = all.map(({ path, variable, node }) => {
    const allowed = node.enum === undefined ? typeText(node) : node.enum.join(" \\| ");
    const live = node["x-hot"] === true ? "yes" : "";
    return `| \`${path}\` | \`${variable}\` | ${allowed} | \`${JSON.stringify(node.default ?? null)}\` | ${live} | ${node.description ?? ""} |`;
  });
  return [
    "# Configuration",
    "",
    "Made by `weir config docs`. Read from `weir.yaml`, then `config/<env>.yaml`, then the environment,",
    "then flags; later ones win. `WEIR_X_FILE` names a file that holds the value of `WEIR_X`.",
    "Settings marked live change at run time, when `weir.yaml` is saved.",
    "",
    "| setting | variable | values | default | live | meaning |",
    "|---|---|---|---|---|---|",
    ...rows,
  ].join("\n");
}

function typeText(node: Setting["node"]): string {
  const type = Array.isArray(node.type) ? node.type.join(" or ") : String(node.type);
  const { minimum, maximum } = node as { minimum?: number; maximum?: number };
  if (minimum === undefined) return type;
  return maximum === undefined
    ? `${type}, at least ${minimum}`
    : `${type}, ${minimum} to ${maximum}`;
}
