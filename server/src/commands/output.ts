/**
 * What happens when the reader of a command's output ends first (`weir … | head -1`, a closed terminal):
 * EPIPE or EIO. It is never an error to report.
 */

import { withDeadline } from "../timing/deadline.ts";

/** As programs that SIGPIPE ends: 128 + 13. Node.js ignores that signal. */
const brokenPipeCode = 141;

const flushLimitMs = 5_000;

const isClosed = (error: NodeJS.ErrnoException) => error.code === "EPIPE" || error.code === "EIO";

let ends = false;

/** Ends the process at the first write to a closed output, as other tools end. */
export function endWhenOutputCloses(): void {
  ends = true;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error) => {
      if (!ends) return;
      if (!isClosed(error)) throw error;
      process.exit(brokenPipeCode);
    });
  }
}

/** For servers: they run on when their output cannot be written (a full disk too); what they print is lost. */
export function outliveOutput(): void {
  ends = false;
}

/** Resolves when everything is written, or the outputs are closed, or nothing reads them: the process can exit. */
export async function flushOutput(): Promise<void> {
  const flush = (stream: NodeJS.WriteStream) =>
    new Promise<void>((resolve) => stream.write("", () => resolve()));
  await withDeadline(() => Promise.all([process.stdout, process.stderr].map(flush)), {
    ms: flushLimitMs,
    late: [],
  });
}
