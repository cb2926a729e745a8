/** A configuration that cannot be used; the message names the file, variable or flag. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}
