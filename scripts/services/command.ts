/** The arguments, understood. */
export interface Request {
  readonly names: readonly string[];
  readonly json: boolean;
  /** Fixed ports: server -> name of the port (empty: its first) -> number. */
  readonly ports: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly keepData: boolean;
}

/** Returns the exit code. */
export type Command = (request: Request) => Promise<number>;

/** Arguments that name what does not exist; exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
