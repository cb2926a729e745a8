/** The settings as a list of paths, and access to a value by its path. */
import { type Config, configSchema } from "./schema.ts";

export interface SettingNode {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, SettingNode>>;
  readonly default?: unknown;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly [keyword: string]: unknown;
}

export interface Setting {
  /** `http.port` */
  readonly path: string;
  /** `WEIR_HTTP_PORT` */
  readonly variable: string;
  readonly node: SettingNode;
}

export type Values = Record<string, unknown>;

/** Every setting with its path, environment variable and schema, in the order of the schema. */
export function settings(
  node: SettingNode = configSchema as SettingNode,
  path: readonly string[] = [],
): Setting[] {
  if (node.properties === undefined) {
    return [{ path: path.join("."), variable: `WEIR_${path.join("_").toUpperCase()}`, node }];
  }
  return Object.entries(node.properties).flatMap(([name, child]) =>
    settings(child, [...path, name]),
  );
}

/** The configuration with secrets replaced, for `weir config print`. */
export function withoutSecrets(config: Config): Values {
  const copy = structuredClone(config) as Values;
  for (const { path, node } of settings()) {
    if (node["x-secret"] === true && valueAt(copy, path) !== null) setValue(copy, path, "(set)");
  }
  return copy;
}

/** `running` with the settings of `fresh` that take effect at run time. */
export function withHotSettings(running: Config, fresh: Config): Config {
  const copy = structuredClone(running) as Values;
  for (const { path, node } of settings()) {
    if (node["x-hot"] === true) setValue(copy, path, valueAt(fresh as Values, path));
  }
  return copy as Config;
}

function valueAt(values: Values, path: string): unknown {
  let at: unknown = values;
  for (const name of path.split(".")) at = isRecord(at) ? at[name] : undefined;
  return at;
}

/** Sets the value at `path`; creates the objects on the way. */
export function setValue(values: Values, path: string, value: unknown): void {
  const names = path.split(".");
  const last = names.pop() as string;
  let at = values;
  for (const name of names) {
    const next = at[name];
    if (isRecord(next)) at = next;
    else {
      const created: Values = {};
      at[name] = created;
      at = created;
    }
  }
  at[last] = value;
}

export function isRecord(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
