/** The values that options and arguments can have, for completion. The commands themselves check what is typed. */
import { readdirSync } from "node:fs";
import { partNames } from "../../compose/processes.ts";
import { deadLetterStates } from "../../parts/dlq/ports.ts";
import { engines } from "../../parts/engine/engine.ts";
import { policiesFolder } from "../../process/paths.ts";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

export type Values =
  | { readonly kind: "names"; readonly names: readonly string[] }
  /** Several names, separated by commas. */
  | { readonly kind: "list"; readonly names: readonly string[] }
  | { readonly kind: "file" }
  | { readonly kind: "folder" };

const names = (...all: readonly string[]): Values => ({ kind: "names", names: all });
const file: Values = { kind: "file" };
const folder: Values = { kind: "folder" };

/** By command and option (`windows list --size`) or position of the argument (`windows rerun 1`). */
export function valuesByPlace(): Readonly<Record<string, Values>> {
  const sizes = names("minute", "hour", "day");
  const kinds = names("extra", "revoked");
  const roles = names(
    ...readdirSync(policiesFolder)
      .filter((name) => name.endsWith(".json"))
      .map((name) => name.slice(0, -".json".length)),
  );
  return {
    "--data": folder,
    "serve --parts": { kind: "list", names: partNames },
    "windows list --size": sizes,
    "windows rerun 1": sizes,
    "engine use 1": names(...engines),
    "dlq list --state": names(...deadLetterStates, "all"),
    "dlq edit --file": file,
    "events send 1": file,
    "models add 1": names("transformer", "http"),
    "models add 2": folder,
    "models add --device": names("auto", "cpu", "cuda"),
    "services create --role": roles,
    "services update --role": roles,
    "permissions add 1": kinds,
    "permissions remove 1": kinds,
    "completion 1": names(...shells),
  };
}
