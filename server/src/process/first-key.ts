/** Where the first administrator key of an installation comes from, and where a new one goes. */

import { ConfigError } from "../config/config-error.ts";
import type { Config } from "../config/schema.ts";
import { parseApiKey } from "../core/access/api-key.ts";
import { messageOf } from "../core/errors.ts";
import { keyEnvironment } from "../parts/auth/administration.ts";
import type { FirstKey } from "../parts/auth/bootstrap.ts";
import { readSecretFile, writeSecretFile } from "./run-file.ts";

interface FirstKeyOptions {
  /** A key in it is used; otherwise a new key is written to it. */
  readonly file?: string | undefined;
  /** Shows a new key when there is no file. */
  readonly show?: ((key: string) => Promise<void> | void) | undefined;
}

/** @throws ConfigError for a key that is malformed or of another environment; it reveals none of it */
export function firstKeyOf(config: Config, { file, show }: FirstKeyOptions): FirstKey {
  if (file === undefined) {
    const given = config.admin_key;
    return given === null ? { deliver: show } : { supplied: keyOf(given, config, "admin_key") };
  }
  if (config.admin_key !== null) {
    throw new ConfigError("admin_key: already set; a file for a new key cannot be named too");
  }
  const stored = readSecretFile(file);
  if (stored !== undefined) return { supplied: keyOf(stored, config, file) };
  return { deliver: (key) => writeKey(file, key) };
}

/** The key that a monitoring system is given; undefined when none is configured. @throws ConfigError */
export function metricsKeyOf(config: Config) {
  const given = config.metrics_key;
  return given === null ? undefined : keyOf(given, config, "metrics_key");
}

function keyOf(text: string, { env }: Config, origin: string) {
  let key: ReturnType<typeof parseApiKey>;
  try {
    key = parseApiKey(text);
  } catch (error) {
    throw new ConfigError(`${origin}: ${messageOf(error)}`);
  }
  if (key.env !== keyEnvironment(env)) {
    throw new ConfigError(
      `${origin}: the key is one of "${key.env}", and this is ${env} (WEIR_ENV), whose keys start with weir_${keyEnvironment(env)}_`,
    );
  }
  return { ...key, text };
}

function writeKey(file: string, key: string): void {
  try {
    writeSecretFile(file, key);
  } catch (error) {
    throw new Error(`no administrator key was created: cannot write ${file}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
