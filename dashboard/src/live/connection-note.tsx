"use client";
import { Icon } from "../controls/icons.tsx";
import { useLanguage } from "../language/language-context.tsx";
import type { ConnectionState } from "./connection-state.ts";
import { feedPermission } from "./feed-requests.ts";

const looks: Readonly<Record<ConnectionState["name"], string>> = {
  idle: "badge",
  connecting: "badge badge-busy",
  open: "badge badge-good",
  waiting: "badge badge-busy",
  offline: "badge badge-bad",
  stopped: "badge badge-bad",
};

/** The state of the feed in a word. Screen readers announce its changes. */
export function ConnectionBadge({ connection }: { connection: ConnectionState }) {
  const { t } = useLanguage();
  return (
    <span role="status" className={looks[connection.name]}>
      <span className="dot" />
      {t(`live.state.${connection.name}`)}
    </span>
  );
}

/** Why the feed has stopped, and what helps. */
export function ConnectionNote(props: { connection: ConnectionState; onRetry: () => void }) {
  const { connection, onRetry } = props;
  const { t } = useLanguage();
  if (connection.name === "waiting") {
    const { reason } = connection;
    if (reason !== "slow_reader" && reason !== "going_away") return null;
    return <p className="text-[.867rem] text-warn">{t(`live.bye.${reason}`)}</p>;
  }
  if (connection.name !== "stopped" || connection.reason === "unauthenticated") return null;
  return (
    <div
      role="alert"
      className="rounded-lg border border-down bg-down-soft px-4 py-3 text-[.867rem]"
    >
      <p className="font-semibold text-down">{t(`live.stopped.${connection.reason}`)}</p>
      {connection.reason === "forbidden" ? (
        <p className="mt-1">
          {t("error.permission")}: <code className="font-mono font-semibold">{feedPermission}</code>
        </p>
      ) : null}
      <button type="button" className="btn btn-small mt-2" onClick={onRetry}>
        <Icon name="rerun" size={15} />
        {t("app.retry")}
      </button>
    </div>
  );
}
