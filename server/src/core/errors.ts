import { type ErrorCode, errorTable, type Problem } from "@weir/protocol";

interface WeirErrorOptions {
  readonly detail?: string;
  readonly permission?: string;
  readonly errors?: Problem["errors"];
  readonly retryAfterSeconds?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** An error with a code of the closed table. Callers see `detail`: no SQL, paths or secrets. */
export class WeirError extends Error {
  override readonly name = "WeirError";
  readonly code: ErrorCode;
  readonly options: WeirErrorOptions;

  constructor(code: ErrorCode, options: WeirErrorOptions = {}) {
    super(options.detail ?? errorTable[code].title, { cause: options.cause });
    this.code = code;
    this.options = options;
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
