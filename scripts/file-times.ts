/** Seconds per test file, the slowest first; files below the limit share one line. */
export function fileTimes(
  milliseconds: ReadonlyMap<string, number>,
  { shownFromSeconds, limitSeconds }: { shownFromSeconds: number; limitSeconds: number },
): string {
  const sorted = [...milliseconds].sort(([, a], [, b]) => b - a);
  const shown = sorted.filter(([, ms]) => ms >= shownFromSeconds * 1000);
  const rest = sorted.slice(shown.length).reduce((sum, [, ms]) => sum + ms, 0);
  const line = (ms: number, text: string) => `${(ms / 1000).toFixed(1).padStart(7)} s  ${text}\n`;
  return [
    "seconds per file\n",
    ...shown.map(([file, ms]) =>
      line(ms, ms > limitSeconds * 1000 ? `${file}  (more than ${limitSeconds} s)` : file),
    ),
    line(rest, `${sorted.length - shown.length} other files`),
  ].join("");
}
