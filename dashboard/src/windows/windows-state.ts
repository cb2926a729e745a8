import { type Granularity, granularities, type RunPage, type Window } from "@weir/protocol";

export const windowStates = ["open", "closed", "rebuilding", "failed"] as const;
export type WindowState = Window["state"];

export interface WindowsState {
  readonly size: Granularity;
  readonly state: WindowState | null;
  readonly zone: string | null;
}

export function readWindowsState(query: URLSearchParams): WindowsState {
  return {
    size: granularities.find((size) => size === query.get("size")) ?? "hour",
    state: windowStates.find((state) => state === query.get("state")) ?? null,
    zone: query.get("tz"),
  };
}

export function writeWindowsState({ size, state, zone }: WindowsState): URLSearchParams {
  const query = new URLSearchParams({ size });
  if (state !== null) query.set("state", state);
  if (zone !== null) query.set("tz", zone);
  return query;
}

/** The progress of a rerun; undefined while the list of runs does not contain it. */
export function runOf(
  page: RunPage | undefined,
  runId: string,
): RunPage["runs"][number] | undefined {
  return page?.runs.find(({ run_id }) => run_id === runId);
}

export function isOver(state: "queued" | "running" | "done" | "failed"): boolean {
  return state === "done" || state === "failed";
}

/** Pages of windows as one list; an update can move a window from one page to the next. */
export function joinPages(pages: readonly (readonly Window[])[]): Window[] {
  const byStart = new Map<string, Window>();
  for (const page of pages) {
    for (const window of page) if (!byStart.has(window.start)) byStart.set(window.start, window);
  }
  return [...byStart.values()].sort((a, b) => (a.start < b.start ? 1 : a.start > b.start ? -1 : 0));
}
