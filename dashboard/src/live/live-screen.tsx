"use client";
import type { Meta, RawEvent, WindowPage } from "@weir/protocol";
import { useCallback, useMemo, useState } from "react";
import { CopyCode, sampleCommand } from "../controls/copy-code.tsx";
import { Icon } from "../controls/icons.tsx";
import { Empty } from "../controls/states.tsx";
import { useQuery } from "../data/data-context.tsx";
import { useNavigation } from "../frame/navigation.tsx";
import { useShortcut } from "../frame/shortcut-context.tsx";
import { useLanguage } from "../language/language-context.tsx";
import { ConnectionBadge, ConnectionNote } from "./connection-note.tsx";
import { EventDrawer } from "./event-drawer.tsx";
import { EventList } from "./event-list.tsx";
import {
  addValue,
  type Filter,
  type FilterField,
  isEmpty,
  readFilter,
  writeFilter,
} from "./filter.ts";
import { FilterBar } from "./filter-bar.tsx";
import { FlowStrip } from "./flow-strip.tsx";
import { useLiveFeed } from "./use-live-feed.ts";

export function LiveScreen() {
  const { t } = useLanguage();
  const { filter, setFilter } = useFilter();
  const meta = useQuery<Meta>("/api/meta");
  const { feed, flow, connection, pause, resume, reconnect } = useLiveFeed(filter);
  const [inspected, setInspected] = useState<RawEvent>();
  const stopped = connection.name === "stopped";
  // The feed has no freshness of the windows; this request keeps that of the header up to date.
  useQuery<WindowPage>("/api/windows?size=day&limit=1", 5_000);
  const toggle = feed.paused ? resume : pause;
  useShortcut("pause", toggle);
  const narrow = (field: FilterField, value: string) => {
    setFilter(addValue(filter, field, value));
    setInspected(undefined);
  };
  return (
    <div className="flex flex-col gap-4">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-3">
        <button
          type="button"
          aria-pressed={feed.paused}
          className={`btn min-w-28 ${feed.paused ? "btn-primary" : ""}`}
          onClick={toggle}
        >
          <Icon name={feed.paused ? "play" : "pause"} size={15} />
          {feed.paused ? t("live.resume") : t("live.pause")}
        </button>
        <ConnectionBadge connection={connection} />
        <FilterBar filter={filter} meta={meta.data} onChange={setFilter} />
      </div>
      <ConnectionNote connection={connection} onRetry={reconnect} />
      {stopped && feed.rows.length === 0 ? null : (
        <>
          <FlowStrip flow={flow} received={feed.received} />
          <section className="panel overflow-hidden" aria-label={t("live.list")}>
            {feed.paused ? (
              <div className="flex items-center gap-3 border-b border-line bg-warn-soft px-4 py-2 text-[.867rem]">
                <strong className="text-warn">{t("live.paused")}</strong>
                <span>{t("live.new", { count: feed.heldCount })}</span>
                {feed.heldCount === 0 ? null : (
                  <button type="button" className="btn btn-small ml-auto" onClick={resume}>
                    {t("live.new.show", { count: feed.heldCount })}
                  </button>
                )}
              </div>
            ) : null}
            {feed.rows.length === 0 ? (
              <NoEvents filter={filter} />
            ) : (
              <EventList rows={feed.rows} onInspect={setInspected} />
            )}
          </section>
        </>
      )}
      {inspected === undefined ? null : (
        <EventDrawer event={inspected} onFilter={narrow} onClose={() => setInspected(undefined)} />
      )}
    </div>
  );
}

/** The filter in the address. */
function useFilter(): { filter: Filter; setFilter(filter: Filter): void } {
  const navigation = useNavigation();
  const text = navigation.query.toString();
  const filter = useMemo(() => readFilter(new URLSearchParams(text)), [text]);
  const setFilter = useCallback(
    (next: Filter) => navigation.setQuery(writeFilter(next)),
    [navigation],
  );
  return { filter, setFilter };
}

function NoEvents({ filter }: { filter: Filter }) {
  const { t } = useLanguage();
  if (!isEmpty(filter)) {
    return (
      <Empty title={t("live.empty.filter.title")}>
        <p className="text-muted">{t("live.empty.filter.text")}</p>
      </Empty>
    );
  }
  return (
    <Empty title={t("live.empty.title")}>
      <p className="text-muted">{t("live.empty.text")}</p>
      <CopyCode text={sampleCommand(window.location.origin)} label={t("live.empty.title")} />
    </Empty>
  );
}
