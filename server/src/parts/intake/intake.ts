/** The part `intake`: reads the topic `raw_data` into the raw log. */
import type { Part } from "../../core/ports/part.ts";

export interface IntakeOptions {
  /** Reads until the signal aborts and what is in flight is stored; connects again by itself. */
  readonly consume: (signal: AbortSignal) => Promise<void>;
  /** Creates and verifies the topics. Rejects while the brokers do not answer. */
  readonly prepareTopics: () => Promise<void>;
  /** Prepares the log for today and the next days. */
  readonly prepareLog: () => Promise<void>;
  /** Why nothing is read now; undefined while there is no problem. */
  readonly problem: () => string | undefined;
}

/** Ends when the signal aborts and what is in flight is stored. Rejects when the topics cannot be prepared. */
export function createIntake(options: IntakeOptions): Part {
  return {
    name: "intake",
    problem: options.problem,
    async run(signal) {
      await options.prepareTopics();
      await options.prepareLog();
      await options.consume(signal);
    },
  };
}
