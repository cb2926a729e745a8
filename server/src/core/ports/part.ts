/** One long-running component: a name and `run`. It ends when the signal aborts, and only then resolves. */
export interface Part {
  readonly name: string;
  run(signal: AbortSignal): Promise<void>;
  /** Shown by health: undefined while there is no problem. */
  problem?(): string | undefined;
}
