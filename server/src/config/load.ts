import { resolve } from "node:path";
import { Ajv, type ErrorObject } from "ajv";
import { nearestName } from "../core/nearest-name.ts";
import { sizePattern } from "../core/size.ts";
import { ConfigError } from "./config-error.ts";
import { type Config, configSchema } from "./schema.ts";
import { type SettingNode, settings } from "./settings.ts";
import { type Flag, Sources } from "./sources.ts";

export interface LoadOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Relative paths of variables and flags start here. */
  readonly cwd: string;
  /** The folder of weir.yaml, where its relative paths and the defaults start; default: `cwd`. */
  readonly home?: string;
  /** Command-line flags by the path of their setting; they win over everything else. */
  readonly flags?: Readonly<Record<string, Flag>>;
}

export interface LoadedConfig {
  readonly config: Config;
  /** Which flag, variable or line of a file set the setting with this path; undefined for a default. */
  originOf(path: string): string | undefined;
}

/**
 * Reads `weir.yaml`, then `config/<env>.yaml`, then `WEIR_…` variables, then flags; later ones win,
 * key by key. A variable `WEIR_X_FILE` names a file that holds the value of `WEIR_X`.
 *
 * @throws ConfigError that names the setting, the file, variable or flag that set it, and for an
 *   unknown setting the nearest known name
 */
export function loadConfig(options: LoadOptions): Config {
  return loadWithOrigins(options).config;
}

/** As `loadConfig`, for messages about a value that is valid and cannot be used. */
export function loadWithOrigins(options: LoadOptions): LoadedConfig {
  const { env, cwd, home = cwd, flags = {} } = options;
  const sources = new Sources();
  sources.readFile(home, "weir.yaml");
  const name = env["WEIR_ENV"] ?? sources.values["env"] ?? "development";
  if (typeof name === "string" && /^[a-z]+$/.test(name)) {
    sources.readFile(home, `config/${name}.yaml`);
  }
  sources.readVariables(env);
  sources.readFlags(flags);

  const validate = new Ajv({
    allErrors: true,
    strict: false,
    useDefaults: true,
    verbose: true,
  }).compile(withObjectDefaults(configSchema as SettingNode));
  const demoOrigin = sources.originOf("demo.enabled");
  const isTyped = /^(--|WEIR_)/.test(sources.originOf("data_dir") ?? "");
  const { values } = sources;
  if (!validate(values)) {
    const problems = (validate.errors ?? []).map((error) => problemOf(error, sources));
    throw new ConfigError(problems.join("\n"));
  }
  const config = values as Config;
  const isProduction = config.env === "production";
  if (isProduction && config.demo.enabled && demoOrigin === "WEIR_DEMO_ENABLED") {
    throw new ConfigError(
      "demo.enabled: the demo is not available in production; set WEIR_DEMO_ENABLED to false",
    );
  }
  if (isProduction && config.shop.enabled) {
    throw new ConfigError(
      `shop.enabled: the shop is a demonstration and does not run in production${from(sources, "shop.enabled")}`,
    );
  }
  return {
    config: {
      ...config,
      data_dir: resolve(isTyped ? cwd : home, config.data_dir),
      demo: { ...config.demo, enabled: config.demo.enabled && !isProduction },
    },
    originOf: (path) => sources.originOf(path),
  };
}

/** Ajv fills a default in only where the object around it exists, so every object gets one. */
function withObjectDefaults(node: SettingNode): SettingNode {
  if (node.properties === undefined) return node;
  const properties = Object.fromEntries(
    Object.entries(node.properties).map(([name, child]) => [name, withObjectDefaults(child)]),
  );
  return { ...node, properties, default: node.default ?? {} };
}

function problemOf(error: ErrorObject, sources: Sources): string {
  const path = error.instancePath.slice(1).replaceAll("/", ".");
  const unknownName = error.params["additionalProperty"];
  if (typeof unknownName === "string") {
    const full = path === "" ? unknownName : `${path}.${unknownName}`;
    const known = settings().map((setting) => setting.path);
    const near = nearestName(full, known);
    const suggestion = near === undefined ? "" : `; did you mean ${near}?`;
    return `${full}: unknown setting${suggestion}${from(sources, full)}`;
  }
  const isSecret = error.parentSchema?.["x-secret"] === true;
  const value = isSecret ? "the value that is set" : JSON.stringify(error.data);
  return `${path}: ${requirement(error)}, not ${value}${from(sources, path)}`;
}

function from(sources: Sources, path: string): string {
  const origin = sources.originOf(path) ?? sources.originOf(path.replace(/\.\d+$/, ""));
  return origin === undefined ? "" : ` (from ${origin})`;
}

/** What the value must be, in words. */
function requirement({ keyword, params, message, parentSchema }: ErrorObject): string {
  if (keyword === "enum") return `must be one of ${params["allowedValues"].join(", ")}`;
  if (keyword === "minimum") return `must be at least ${params["limit"]}`;
  if (keyword === "maximum") return `must be at most ${params["limit"]}`;
  if (keyword === "pattern" && params["pattern"] === sizePattern) {
    return "must be a size such as 512 MiB";
  }
  const expected: unknown = keyword === "pattern" ? parentSchema?.["x-expects"] : undefined;
  if (typeof expected === "string") return `must be ${expected}`;
  if (keyword === "type") return `must be of type ${[params["type"]].flat().join(" or ")}`;
  return message ?? "is not valid";
}
