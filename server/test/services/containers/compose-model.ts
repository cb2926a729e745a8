/** compose.yaml as compose-go resolves it. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const root = join(import.meta.dirname, "../../../..");

export interface Service {
  readonly image?: string;
  readonly profiles?: readonly string[];
  readonly user?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly env_file?: readonly { readonly path: string }[];
  readonly secrets?: readonly { readonly source: string; readonly target?: string }[];
  readonly networks?: Readonly<Record<string, unknown>>;
  readonly ports?: readonly {
    readonly host_ip?: string;
    readonly published: string;
    readonly target: number;
  }[];
  readonly volumes?: readonly {
    readonly type: string;
    readonly source?: string;
    readonly target: string;
    readonly read_only?: boolean;
  }[];
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly restart?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly privileged?: boolean;
  readonly security_opt?: readonly string[];
  readonly mem_limit?: string;
  readonly cpus?: number;
  readonly stop_grace_period?: string;
  readonly build?: { readonly context: string; readonly dockerfile?: string };
}

export interface ComposeModel {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
  readonly secrets: Readonly<Record<string, { readonly file?: string }>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

/**
 * Validates and resolves the file. compose-go's command looks up no variables (its LoadModel of 2.16 is given no
 * environment), so they are replaced before; the forms `${A}`, `${A:-b}` and `${A:?why}` are enough here.
 */
export function resolveCompose(
  program: string,
  { folder, env }: { readonly folder: string; readonly env: Readonly<Record<string, string>> },
): ComposeModel {
  const text = interpolated(readFileSync(join(root, "compose.yaml"), "utf8"), env)
    // paths are relative to the file, which is elsewhere here
    .replaceAll(/(["\s])\.\//g, `$1${root}/`);
  const file = join(folder, "compose.yaml");
  writeFileSync(file, text);
  const output = execFileSync(program, ["-format", "json", file], {
    cwd: folder,
    encoding: "utf8",
    timeout: 30_000,
  });
  return JSON.parse(output) as ComposeModel;
}

/** The variables of a service, those of its files included. */
export function environmentOf({
  env_file = [],
  environment = {},
}: Service): Record<string, string> {
  const lines = env_file.flatMap(({ path }) => readFileSync(path, "utf8").split("\n"));
  const fromFiles = lines
    .filter((line) => /^\w+=/.test(line))
    .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]);
  const own = Object.entries(environment).map(([name, value]) => [name, value ?? ""]);
  return Object.fromEntries([...fromFiles, ...own]) as Record<string, string>;
}

function interpolated(text: string, env: Readonly<Record<string, string>>): string {
  return text.replaceAll(
    /\$\{(\w+)(?::([-?])([^}]*))?\}/g,
    (...found: readonly (string | undefined)[]) => {
      const [, name = "", operator, word] = found;
      const value = env[name];
      if (value !== undefined && value !== "") return value;
      if (operator === "-") return word ?? "";
      throw new Error(`compose.yaml: ${name} is not set: ${word ?? "no default"}`);
    },
  );
}
