import { messageOf } from "../core/errors.ts";
import { type RunFile, removeRunFile, writeRunFile } from "./run-file.ts";

export interface KeptRunFile {
  /** Writes run.json again; when that fails (a full disk), until it succeeds. Never throws. */
  update(): void;
  /** Removes it. */
  [Symbol.dispose](): void;
}

const retryMs = 1_000;

/**
 * Keeps run.json current.
 * @param content of the moment
 * @param onProblem gets a sentence while it cannot be written, and undefined when it could be
 */
export function keepRunFile(
  dataDir: string,
  content: () => RunFile,
  onProblem: (problem: string | undefined) => void,
): KeptRunFile {
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  function update(): void {
    clearTimeout(timer);
    if (isClosed) return;
    try {
      writeRunFile(dataDir, content());
      onProblem(undefined);
    } catch (error) {
      onProblem(`run.json cannot be written: ${messageOf(error)}`);
      timer = setTimeout(update, retryMs);
    }
  }

  return {
    update,
    [Symbol.dispose]() {
      isClosed = true;
      clearTimeout(timer);
      removeRunFile(dataDir);
    },
  };
}
