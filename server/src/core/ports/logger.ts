type Write = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** The log of a process: one JSON line per call, with fields and a message. */
export interface Logger {
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
}
