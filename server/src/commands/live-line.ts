import type { WriteStream } from "node:tty";
import { liveLine } from "./first-screen.ts";

const redrawMs = 1_000;

/** Redraws one line of counters below the first screen; does nothing when `out` is not a terminal. */
export function showLiveLine(
  out: WriteStream,
  counters: () => Readonly<Record<string, number>>,
  problems: () => readonly string[],
): Disposable {
  if (out.isTTY !== true) return { [Symbol.dispose]() {} };
  let previous = counters()["accepted"] ?? 0;
  const timer = setInterval(() => {
    const now = counters();
    const accepted = now["accepted"] ?? 0;
    const line = liveLine(now, Math.max(0, accepted - previous) / (redrawMs / 1000), problems());
    previous = accepted;
    out.write(`\r\u001b[2K  ${line.slice(0, Math.max(20, out.columns - 3))}`);
  }, redrawMs);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      out.write("\n");
    },
  };
}
