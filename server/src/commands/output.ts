/**
 * What happens when the reader of a command's output ends first (`weir … | head -1`, a closed terminal):
 * EPIPE or EIO. It is never an error to report.
 */

/** As programs that SIGPIPE ends: 128 + 13. Node.js ignores that signal. */
const brokenPipeCode = 141;

const isClosed = (error: NodeJS.ErrnoException) => error.code === "EPIPE" || error.code === "EIO";

let ends = false;

/** Ends the process at the first write to a closed output, as other tools end. */
export function endWhenOutputCloses(): void {
  ends = true;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error) => {
      if (!isClosed(error)) throw error;
      if (ends) process.exit(brokenPipeCode);
    });
  }
}

/** For servers: they run on when nothing reads their output any more, and what they print is lost. */
export function outliveOutput(): void {
  ends = false;
}

/** Resolves when everything is written, or the outputs are closed: the process can exit. */
export async function flushOutput(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    await new Promise<void>((resolve) => stream.write("", () => resolve()));
  }
}
