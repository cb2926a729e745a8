import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Ajv, type ErrorObject } from "ajv";
import { parseDocument } from "yaml";
import { nearestName } from "../core/nearest-name.ts";
import { type Config, configSchema } from "./schema.ts";

interface Node {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly default?: unknown;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly [keyword: string]: unknown;
}

/** One setting, as `weir config docs` shows it. */
export interface Setting {
  readonly path: string;
  readonly variable: string;
  readonly node: Node;
}

export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

export interface LoadOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Values of command-line flags; they win over everything. */
  readonly overrides?: Readonly<Record<string, unknown>>;
}

/**
 * Reads `weir.yaml`, then `config/<env>.yaml`, then `WEIR_…` variables, then flags; later ones win,
 * key by key. A variable `WEIR_X_FILE` names a file that holds the value of `WEIR_X`.
 *
 * @throws ConfigError that says which file or variable, where, and the nearest known name.
 */
export function loadConfig({ env, cwd, overrides = {} }: LoadOptions): Config {
  const files = ["weir.yaml"];
  const values: Record<string, unknown> = {};
  mergeFile(values, cwd, "weir.yaml");
  const name = env["WEIR_ENV"] ?? values["env"] ?? "development";
  if (typeof name === "string" && /^[a-z]+$/.test(name)) {
    files.push(`config/${name}.yaml`);
    mergeFile(values, cwd, `config/${name}.yaml`);
  }
  const variables = mergeEnvironment(values, env);
  for (const [path, value] of Object.entries(overrides)) {
    if (value !== undefined) put(values, path, value);
  }
  const validate = new Ajv({ allErrors: true, strict: false, useDefaults: true }).compile(
    withObjectDefaults(configSchema as Node),
  );
  if (!validate(values)) {
    const origin = { files, variables };
    throw new ConfigError((validate.errors ?? []).map((error) => say(error, origin)).join("\n"));
  }
  const config = values as Config;
  if (config.env === "production" && config.demo.enabled && given(env, values)) {
    throw new ConfigError(
      "demo.enabled: the demo's keys do not exist in production; set it to false",
    );
  }
  return {
    ...config,
    data_dir: resolve(cwd, config.data_dir),
    demo: { ...config.demo, enabled: config.demo.enabled && config.env !== "production" },
  };
}

/** Every setting with its path, environment variable and schema, in order. */
export function settings(
  node: Node = configSchema as Node,
  path: readonly string[] = [],
): Setting[] {
  if (node.properties === undefined) {
    return [{ path: path.join("."), variable: `WEIR_${path.join("_").toUpperCase()}`, node }];
  }
  return Object.entries(node.properties).flatMap(([name, child]) =>
    settings(child, [...path, name]),
  );
}

/** The configuration with secrets blanked, for `weir config print` and logs. */
export function withoutSecrets(config: Config): Record<string, unknown> {
  const copy = structuredClone(config) as Record<string, unknown>;
  for (const { path, node } of settings()) {
    if (node["x-secret"] === true && get(copy, path) !== null) put(copy, path, "(set)");
  }
  return copy;
}

function given(env: NodeJS.ProcessEnv, values: Record<string, unknown>): boolean {
  return env["WEIR_DEMO_ENABLED"] === "true" && get(values, "demo.enabled") === true;
}

function mergeFile(values: Record<string, unknown>, cwd: string, name: string): void {
  const path = join(cwd, name);
  if (!existsSync(path)) return;
  const document = parseDocument(readFileSync(path, "utf8"), { prettyErrors: true });
  const [error] = document.errors;
  if (error !== undefined) throw new ConfigError(`${name}: ${error.message}`);
  const content: unknown = document.toJS() ?? {};
  if (typeof content !== "object" || content === null || Array.isArray(content)) {
    throw new ConfigError(`${name}: must be a mapping of settings`);
  }
  merge(values, content as Record<string, unknown>);
}

function merge(into: Record<string, unknown>, from: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(from)) {
    const present = into[name];
    if (isRecord(present) && isRecord(value)) merge(present, value);
    else into[name] = value;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Variables that Weir itself reads elsewhere, or that tests use. */
const reserved = /^WEIR_(TEST_|BENCH_|KEY$|URL$|DASHBOARD_DIR$|LAUNCHED_AT$|INTERNAL_)/;

function mergeEnvironment(values: Record<string, unknown>, env: NodeJS.ProcessEnv): string[] {
  const known = new Map(settings().map((setting) => [setting.variable, setting]));
  const used: string[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith("WEIR_") || reserved.test(name) || value === undefined) continue;
    const fromFile = name.endsWith("_FILE");
    const setting = known.get(fromFile ? name.slice(0, -5) : name);
    if (setting === undefined) {
      const near = nearestName(name, [...known.keys()]);
      throw new ConfigError(
        `environment variable ${name} is not known${near === undefined ? "" : `; did you mean ${near}?`}`,
      );
    }
    const text = fromFile ? readFileSync(value, "utf8").trim() : value;
    put(values, setting.path, fromText(text, setting, name));
    used.push(name);
  }
  return used;
}

function fromText(text: string, { node }: Setting, name: string): unknown {
  const types = Array.isArray(node.type) ? node.type : [node.type];
  if (types.includes("integer") || types.includes("number")) {
    const value = Number(text);
    if (text.trim() === "" || Number.isNaN(value)) {
      throw new ConfigError(`${name}: "${text}" is not a number`);
    }
    return value;
  }
  if (types.includes("boolean")) {
    if (text === "true" || text === "false") return text === "true";
    throw new ConfigError(`${name}: "${text}" is not true or false`);
  }
  if (types.includes("array")) return text === "" ? [] : text.split(",").map((item) => item.trim());
  return text;
}

/** Ajv fills a default in only where the object around it exists; so every object gets one. */
function withObjectDefaults(node: Node): Node {
  if (node.properties === undefined) return node;
  const properties = Object.fromEntries(
    Object.entries(node.properties).map(([name, child]) => [name, withObjectDefaults(child)]),
  );
  return { ...node, properties, default: node.default ?? {} };
}

function say(error: ErrorObject, origin: { files: string[]; variables: string[] }): string {
  const path = error.instancePath.slice(1).replaceAll("/", ".");
  const unknownName = error.params["additionalProperty"];
  const where = `(from ${[...origin.files, ...origin.variables].join(", ")})`;
  if (typeof unknownName === "string") {
    const full = path === "" ? unknownName : `${path}.${unknownName}`;
    const near = nearestName(
      full,
      settings().map((setting) => setting.path),
    );
    return `${full}: unknown setting${near === undefined ? "" : `; did you mean ${near}?`} ${where}`;
  }
  const allowed = error.params["allowedValues"];
  const detail = Array.isArray(allowed) ? `must be one of ${allowed.join(", ")}` : error.message;
  return `${path}: ${detail} ${where}`;
}

function get(values: Record<string, unknown>, path: string): unknown {
  let at: unknown = values;
  for (const name of path.split(".")) at = isRecord(at) ? at[name] : undefined;
  return at;
}

function put(values: Record<string, unknown>, path: string, value: unknown): void {
  const names = path.split(".");
  const last = names.pop() as string;
  let at = values;
  for (const name of names) {
    if (!isRecord(at[name])) at[name] = {};
    at = at[name] as Record<string, unknown>;
  }
  at[last] = value;
}
