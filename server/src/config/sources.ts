/** Where settings come from: files, environment variables and flags, and which of them set a value. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Document, isCollection, isNode, LineCounter, parseDocument } from "yaml";
import { messageOf } from "../core/errors.ts";
import { nearestName } from "../core/nearest-name.ts";
import { ConfigError } from "./config-error.ts";
import { isRecord, type Setting, settings, setValue, type Values } from "./settings.ts";

/** The value of a command-line flag; undefined when the flag was not given. */
export interface Flag {
  /** As the user typed it: `--port`. */
  readonly flag: string;
  readonly value: unknown;
}

/** Settings as they are collected; what is read later replaces what was read before, key by key. */
export class Sources {
  readonly values: Values = {};
  /** By path: the file, variable or flag that set the value. */
  readonly #origins = new Map<string, string>();

  /** @throws ConfigError when the file is not a YAML mapping; a missing file sets nothing */
  readFile(folder: string, name: string): void {
    const path = join(folder, name);
    if (!existsSync(path)) return;
    const lineCounter = new LineCounter();
    const document = parseDocument(readFileSync(path, "utf8"), { prettyErrors: true, lineCounter });
    const [error] = document.errors;
    if (error !== undefined) throw new ConfigError(`${name}: ${error.message}`);
    const content: unknown = document.toJS() ?? {};
    if (!isRecord(content)) throw new ConfigError(`${name}: must be a mapping of settings`);
    this.#merge(content, [], (at) => `${name}${lineOf(document, at, lineCounter)}`);
  }

  /** @throws ConfigError for an unknown `WEIR_` variable, with the nearest known name */
  readVariables(env: NodeJS.ProcessEnv): void {
    const known = new Map(settings().map((setting) => [setting.variable, setting]));
    for (const [name, value] of Object.entries(env)) {
      if (!name.startsWith("WEIR_") || reserved.test(name) || value === undefined) continue;
      // a setting may itself be the path of a file: kafka.tls.ca_file
      const fromFile = name.endsWith("_FILE") && !known.has(name);
      const setting = known.get(fromFile ? name.slice(0, -"_FILE".length) : name);
      if (setting === undefined) throw unknownVariable(name, [...known.keys()]);
      const text = fromFile ? readSecret(name, value) : value;
      setValue(this.values, setting.path, fromText(text, setting, name));
      this.#origins.set(setting.path, name);
    }
  }

  readFlags(flags: Readonly<Record<string, Flag>>): void {
    for (const [path, { flag, value }] of Object.entries(flags)) {
      if (value === undefined) continue;
      setValue(this.values, path, value);
      this.#origins.set(path, flag);
    }
  }

  /** Which file, variable or flag set `path` or something below it. */
  originOf(path: string): string | undefined {
    const below = [...this.#origins.keys()].find((known) => known.startsWith(`${path}.`));
    return this.#origins.get(path) ?? this.#origins.get(below ?? "");
  }

  #merge(
    from: Values,
    path: readonly string[],
    originOf: (path: readonly string[]) => string,
  ): void {
    for (const [name, value] of Object.entries(from)) {
      const at = [...path, name];
      if (isRecord(value) && Object.keys(value).length > 0) this.#merge(value, at, originOf);
      else {
        setValue(this.values, at.join("."), value);
        this.#origins.set(at.join("."), originOf(at));
      }
    }
  }
}

/** ` line 3`, where the value of the setting begins; empty for values from an alias or a merge. */
function lineOf(document: Document, path: readonly string[], lines: LineCounter): string {
  const node = isCollection(document.contents) ? document.contents.getIn(path, true) : undefined;
  const start = isNode(node) ? node.range?.[0] : undefined;
  return start === undefined ? "" : ` line ${lines.linePos(start).line}`;
}

/** Variables that Weir reads elsewhere, and those of tests and benchmarks. */
const reserved = /^WEIR_(TEST_|BENCH_|DATA$|KEY$|URL$|DASHBOARD_DIR$|LAUNCHED_AT$|INTERNAL_)/;

function unknownVariable(name: string, known: readonly string[]): ConfigError {
  const near = nearestName(name, known);
  const suggestion = near === undefined ? "" : `; did you mean ${near}?`;
  return new ConfigError(`unknown environment variable ${name}${suggestion}`);
}

function readSecret(variable: string, path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    throw new ConfigError(`${variable}: cannot read the file: ${messageOf(error)}`);
  }
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
  if (types.includes("object")) return fromJson(text, name);
  if (types.includes("array")) return text === "" ? [] : text.split(",").map((item) => item.trim());
  return text;
}

function fromJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ConfigError(`${name}: the value must be a JSON object`);
  }
}
