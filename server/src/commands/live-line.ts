import type { WriteStream } from "node:tty";
import { liveLine } from "./first-screen.ts";

const everyMs = 1_000;

/** Redraws one line of counters below the first screen; on something that is no terminal, nothing. */
export function showLiveLine(
  out: WriteStream,
  counters: () => Readonly<Record<string, number>>,
  problems: () => readonly string[],
): Disposable {
  if (out.isTTY !== true) return { [Symbol.dispose]() {} };
  let before = counters()["accepted"] ?? 0;
  const timer = setInterval(() => {
    const now = counters();
    const accepted = now["accepted"] ?? 0;
    const line = liveLine(now, Math.max(0, accepted - before) / (everyMs / 1000), problems());
    before = accepted;
    out.write(`\r\u001b[2K  ${line.slice(0, Math.max(20, out.columns - 3))}`);
  }, everyMs);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      out.write("\n");
    },
  };
}
