/** Events per second over the last minute, for the line above the live list. */
export interface Flow {
  /** The second of the last count. */
  readonly second: number;
  /** Counts, oldest first; the last is of `second`. */
  readonly counts: readonly number[];
}

export const flowSeconds = 60;

export function emptyFlow(second: number): Flow {
  return { second, counts: new Array<number>(flowSeconds).fill(0) };
}

/** Advances to `second` and adds `events` to its count. */
export function flowAt(flow: Flow, second: number, events: number): Flow {
  const passed = Math.min(Math.max(0, second - flow.second), flowSeconds);
  if (passed === 0 && events === 0) return flow;
  const counts = [...flow.counts.slice(passed), ...new Array<number>(passed).fill(0)];
  counts[flowSeconds - 1] = (counts[flowSeconds - 1] ?? 0) + events;
  return { second: Math.max(flow.second, second), counts };
}

/** Mean events per second over the last ten whole seconds. */
export function ratePerSecond(flow: Flow): number {
  const whole = flow.counts.slice(-11, -1);
  return whole.reduce((sum, count) => sum + count, 0) / whole.length;
}

/** The `points` of an SVG polyline in a box of that size. */
export function flowLine(flow: Flow, width: number, height: number): string {
  const top = Math.max(4, ...flow.counts);
  const stepX = width / (flowSeconds - 2);
  // The current second is incomplete and would dip at the end of every line.
  return flow.counts
    .slice(0, -1)
    .map(
      (count, index) =>
        `${(index * stepX).toFixed(1)},${(height - (count / top) * height).toFixed(1)}`,
    )
    .join(" ");
}
