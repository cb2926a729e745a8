import type { Queryable, QueryOptions } from "../../core/ports/database.ts";

export interface RelayState {
  /** Null before the first connection. */
  readonly topic: string | null;
  readonly topicId: string | null;
  /** What the topic has lost since the last rewind, in words. */
  readonly loss: string | null;
  readonly lossNoticedAt: string | null;
  /** From the configuration, in words. */
  readonly differences: readonly string[];
  readonly owner: string | null;
  readonly running: boolean;
}

/** The command after a loss; `weir relay rewind` says what it sends before it asks. */
export const rewindCommand = "weir relay rewind --from <time>";

export async function readRelayState(
  database: Queryable,
  options: QueryOptions = {},
): Promise<RelayState> {
  const [row] = await database.query<RelayState>(
    {
      text: `select topic, topic_id as "topicId", loss, differences, owner, heartbeat_at <> 'epoch' as running,
               to_char(loss_noticed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as "lossNoticedAt"
             from relay.state`,
    },
    options,
  );
  return row as RelayState;
}
