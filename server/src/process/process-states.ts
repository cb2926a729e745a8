/** What the supervisor knows of its processes: whether each runs, and why each was restarted. */

/** `exit`: it ended by itself; `signal`: it was killed; `frozen`: it gave no sign of life. */
export type RestartReason = "exit" | "signal" | "frozen";

export interface ProcessReport {
  readonly name: string;
  /** Why it does not run at the moment; null while it runs. */
  readonly problem: string | null;
  readonly restarts: Readonly<Record<RestartReason, number>>;
  /** How often it was stopped (SIGSTOP) and continued; PostgreSQL only. */
  readonly continued: number;
}

export class ProcessStates {
  readonly #reports = new Map<string, ProcessReport>();
  readonly #listeners: (() => void)[] = [];

  get reports(): readonly ProcessReport[] {
    return [...this.#reports.values()];
  }

  /** Sentences for the status line. */
  get problems(): readonly string[] {
    return this.reports.flatMap(({ problem }) => (problem === null ? [] : [problem]));
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** It runs and answers. */
  running(name: string): void {
    this.#change(name, { problem: null });
  }

  /** It does not run, or does not answer. */
  failing(name: string, problem: string): void {
    this.#change(name, { problem });
  }

  restarting(name: string, reason: RestartReason, problem: string): void {
    const { restarts } = this.#reportOf(name);
    this.#change(name, { problem, restarts: { ...restarts, [reason]: restarts[reason] + 1 } });
  }

  /** It was stopped, and runs on. */
  continued(name: string): void {
    this.#change(name, { continued: this.#reportOf(name).continued + 1 });
  }

  /** It ended because its work is done. */
  finished(name: string): void {
    this.#reports.delete(name);
    for (const listener of this.#listeners) listener();
  }

  #reportOf(name: string): ProcessReport {
    const none = { exit: 0, signal: 0, frozen: 0 };
    return this.#reports.get(name) ?? { name, problem: null, restarts: none, continued: 0 };
  }

  #change(name: string, change: Partial<ProcessReport>): void {
    this.#reports.set(name, { ...this.#reportOf(name), ...change });
    for (const listener of this.#listeners) listener();
  }
}
