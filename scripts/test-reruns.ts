/** Which failed test files may run once more (docs/decisions/0055), and what is reported about them. */
import { matchesGlob } from "node:path";

/** A failed test, as Node's runner reports it. */
export interface Failure {
  readonly file: string;
  readonly name: string;
  readonly error: unknown;
}

export interface RerunRules {
  /**
   * Files that look at states, such as pages and servers that start: any of their failures may be rerun. In all other
   * files a wrong value is a broken promise, and fails the run at its first occurrence.
   */
  readonly states: readonly string[];
}

/** A machine that pauses makes a few files late. If more fail, it is not the machine. */
export const mostUnstable = 3;

interface Layer {
  readonly code?: unknown;
  readonly name?: unknown;
  readonly message?: unknown;
  readonly failureType?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
}

const lateCodes =
  /^(?:TOO_LATE|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|UND_ERR_\w*TIMEOUT|UND_ERR_SOCKET)$/;

function* layersOf(error: unknown, depth = 0): Generator<Layer> {
  if (typeof error !== "object" || error === null || depth > 8) return;
  const layer = error as Layer;
  yield layer;
  if (Array.isArray(layer.errors)) {
    for (const inner of layer.errors) yield* layersOf(inner, depth + 1);
  }
  yield* layersOf(layer.cause, depth + 1);
}

/** Time-outs and broken connections; everything else is wrong, and one that is both is wrong. */
export function isLate(error: unknown): boolean {
  const layers = [...layersOf(error)];
  if (layers.some(({ code }) => code === "ERR_ASSERTION")) return false;
  return layers.some(
    ({ code, name, failureType }) =>
      failureType === "testTimeoutFailure" ||
      name === "TimeoutError" ||
      (typeof code === "string" && lateCodes.test(code)),
  );
}

/** The failures that have no failed test below them. */
export function causesOf(failures: readonly Failure[]): readonly Failure[] {
  const isEcho = ({ error }: Failure) =>
    /^(?:subtestsFailed|cancelledByParent)$/.test(String((error as Layer | null)?.failureType));
  const causes = failures.filter((failure) => !isEcho(failure));
  return causes.length > 0 ? causes : failures;
}

/** The files that may run once more: all of the failed ones, or none. */
export function filesToRerun(failures: readonly Failure[], rules: RerunRules): readonly string[] {
  const files = [...new Set(failures.map(({ file }) => file))];
  if (files.length > mostUnstable) return [];
  const mayRerun = ({ file, error }: Failure) =>
    rules.states.some((pattern) => matchesGlob(file, pattern)) || isLate(error);
  return causesOf(failures).every(mayRerun) ? files : [];
}

/** One line: where it failed, and with what. */
export function describe({ file, name, error }: Failure): string {
  const messages = [...layersOf(error)].map(({ message }) => message);
  const last = messages.findLast((message) => typeof message === "string" && message !== "");
  const [line = ""] = String(last ?? error).split("\n");
  return `unstable: ${file}: ${name}: ${line.slice(0, 200)}`;
}
