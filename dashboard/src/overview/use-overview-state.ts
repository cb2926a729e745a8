"use client";
import { useCallback, useEffect, useMemo } from "react";
import { useNavigation } from "../frame/navigation.tsx";
import { browserZone } from "../language/language-context.tsx";
import { resolveRange } from "../range/range.ts";
import { useMinute } from "../range/use-clock.ts";
import { type OverviewState, readOverviewState, writeOverviewState } from "./overview-state.ts";

/** The state in the address, and the time span that it means now. */
export function useOverviewState() {
  const navigation = useNavigation();
  const now = useMinute();
  const text = navigation.query.toString();
  const state = useMemo(() => readOverviewState(new URLSearchParams(text), browserZone), [text]);
  const canonical = writeOverviewState(state).toString();
  // A link must show everyone the same: range and zone are written out from the start.
  useEffect(() => {
    if (canonical !== text) navigation.setQuery(new URLSearchParams(canonical), "replace");
  }, [canonical, text, navigation]);
  const change = useCallback(
    (next: Partial<OverviewState>) => {
      // Only events are counted by type: another metric drops the selected type.
      const other = next.metric !== undefined && next.metric !== "events";
      const eventType = other ? { eventType: null } : {};
      navigation.setQuery(writeOverviewState({ ...state, ...next, ...eventType }));
    },
    [navigation, state],
  );
  const span = useMemo(
    () =>
      resolveRange(state.range, state.zone, now) ??
      resolveRange({ kind: "preset", preset: "24h" }, state.zone, now) ?? { from: now, to: now },
    [state.range, state.zone, now],
  );
  return { state, span, change };
}
