/** Settings of a service: environment variables, read and checked once, at start. */
import { readFileSync } from "node:fs";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Setting<T> {
  readonly variable: string;
  /** A secret may also come from the file that `<variable>_FILE` names; its value is never in a message. */
  readonly secret: boolean;
  /** Throws an `Error` whose message says what is expected. */
  readonly parse: (text: string) => T;
  /** Used when the variable is absent or empty; without it the variable is required. */
  readonly fallback?: { readonly value: T };
}

type Values<Table> = {
  readonly [Name in keyof Table]: Table[Name] extends Setting<infer T> ? T : never;
};

/** All problems of the environment at once, each with its variable and how to fix it. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The environment of this service has problems:\n  ${problems.join("\n  ")}`);
    this.problems = problems;
  }
}

/** Reads a table of settings. @throws SettingsError with every problem */
export function readSettings<Table extends Readonly<Record<string, Setting<unknown>>>>(
  environment: Environment,
  table: Table,
): Values<Table> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(table)) {
    try {
      values[name] = readSetting(environment, setting);
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
  }
  if (problems.length > 0) throw new SettingsError(problems);
  return values as Values<Table>;
}

function readSetting<T>(environment: Environment, setting: Setting<T>): T {
  const { variable } = setting;
  const text = setting.secret ? secretText(environment, variable) : environment[variable]?.trim();
  if (text === undefined || text === "") {
    if (setting.fallback !== undefined) return setting.fallback.value;
    const orFile = setting.secret
      ? ` or ${variable}_FILE (the path of a file that contains it)`
      : "";
    throw new Error(`${variable} is missing. Set ${variable}${orFile}.`);
  }
  try {
    return setting.parse(text);
  } catch (error) {
    const expected = error instanceof Error ? error.message : String(error);
    const shown = setting.secret ? "its value (not shown)" : JSON.stringify(text);
    throw new Error(`${variable} is ${shown}; ${expected}`);
  }
}

function secretText(environment: Environment, variable: string): string | undefined {
  const direct = environment[variable]?.trim();
  const file = environment[`${variable}_FILE`]?.trim();
  if (file === undefined || file === "") return direct;
  if (direct !== undefined && direct !== "") {
    throw new Error(`${variable} and ${variable}_FILE are both set. Keep one of them.`);
  }
  try {
    const text = readFileSync(file, "utf8").trim();
    if (text === "") throw new Error("it is empty");
    return text;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${variable}_FILE names ${file}, which cannot be read: ${reason}.`);
  }
}

/** Absent means undefined. */
export function optional<T>(setting: Setting<T>): Setting<T | undefined> {
  return { ...setting, fallback: { value: undefined } };
}

export function withDefault<T>(setting: Setting<T>, value: T): Setting<T> {
  return { ...setting, fallback: { value } };
}

export function text(variable: string): Setting<string> {
  return { variable, secret: false, parse: (value) => value };
}

export function oneOf<const T extends string>(variable: string, values: readonly T[]): Setting<T> {
  return {
    variable,
    secret: false,
    parse(value) {
      const found = values.find((allowed) => allowed === value);
      if (found === undefined) throw new Error(`it must be one of ${values.join(", ")}.`);
      return found;
    },
  };
}

export function wholeNumber(
  variable: string,
  { min = 0, max = Number.MAX_SAFE_INTEGER }: { readonly min?: number; readonly max?: number } = {},
): Setting<number> {
  return {
    variable,
    secret: false,
    parse(value) {
      const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
      if (!(number >= min && number <= max)) {
        throw new Error(`it must be a whole number from ${min} to ${max}.`);
      }
      return number;
    },
  };
}

/** An origin such as `http://127.0.0.1:8081`, without a slash at its end. */
export function httpAddress(variable: string): Setting<string> {
  return {
    variable,
    secret: false,
    parse(value) {
      const url = URL.parse(value);
      if (url === null || !/^https?:$/.test(url.protocol)) {
        throw new Error("it must be an address such as http://127.0.0.1:8081.");
      }
      return url.href.replace(/\/+$/, "");
    },
  };
}

/** `postgresql://role:password@host:port/database`, or with `?host=<socket folder>`. */
export function databaseAddress(variable: string): Setting<string> {
  return secretAddress(variable, ["postgresql:", "postgres:"]);
}

/** An address that may contain a password, e.g. `redis://:password@host:6379`. */
export function secretAddress(variable: string, protocols: readonly string[]): Setting<string> {
  return {
    variable,
    secret: true,
    parse(value) {
      const url = URL.parse(value);
      if (url === null || !protocols.includes(url.protocol)) {
        throw new Error(`it must be an address that begins with ${protocols.join("// or ")}//.`);
      }
      return value;
    },
  };
}

/** A token between services: at least 16 characters of a header value. */
export function token(variable: string): Setting<string> {
  return {
    variable,
    secret: true,
    parse(value) {
      if (!/^[\x21-\x7e]{16,512}$/.test(value)) {
        throw new Error("it must have 16 to 512 printable characters and no blanks.");
      }
      return value;
    },
  };
}
