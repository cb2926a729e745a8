/** Sends events again that a topic has lost: moves the reader `relay` back. */
import type { Database, Queryable } from "../../core/ports/database.ts";
import { parsePosition } from "../../core/position.ts";

/** Where to begin again. */
export type RewindFrom =
  | { readonly kind: "beginning" }
  /** Events received then or later. */
  | { readonly kind: "time"; readonly at: Date }
  /** A `pg_snapshot` as text. */
  | { readonly kind: "position"; readonly position: string };

export interface RewindPlan {
  /** A `pg_snapshot` as text. */
  readonly position: string;
  /** Events that were sent and are sent again. */
  readonly events: number;
  /** Of the first and the last of them; null when there are none. */
  readonly firstReceivedAt: string | null;
  readonly lastReceivedAt: string | null;
}

const beginning = "1:1:";

/** `time`, `beginning` or a position; undefined when the text is neither. */
export function readRewindFrom(text: string): RewindFrom | undefined {
  if (text === "beginning") return { kind: "beginning" };
  if (parsePosition(text) !== undefined) return { kind: "position", position: text };
  const ms = Date.parse(text);
  return /^\d{4}-\d{2}-\d{2}T/.test(text) && !Number.isNaN(ms)
    ? { kind: "time", at: new Date(ms) }
    : undefined;
}

/** What a rewind would send again; undefined when the relay has sent nothing since then. */
export async function planRewind(
  database: Queryable,
  from: RewindFrom,
): Promise<RewindPlan | undefined> {
  const position = await positionOf(database, from);
  if (position === undefined) return undefined;
  const [counted] = await database.query<Omit<RewindPlan, "position">>({
    text: `select count(*)::int as events,
             to_char(min(u.received_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as "firstReceivedAt",
             to_char(max(u.received_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as "lastReceivedAt"
           from log.readers r cross join lateral log.unread($1::pg_snapshot, r.position, '-infinity', null) u
           where r.name = 'relay'`,
    values: [position],
  });
  return counted === undefined || counted.events === 0 ? undefined : { position, ...counted };
}

async function positionOf(database: Queryable, from: RewindFrom): Promise<string | undefined> {
  if (from.kind === "beginning") return beginning;
  if (from.kind === "position") return from.position;
  const [row] = await database.query<{ position: string | null }>({
    text: "select relay.rewind_target($1)::text as position",
    values: [from.at],
  });
  return row?.position ?? undefined;
}

/** An entry of the audit log, in the transaction of the rewind. */
export type WriteAudit = (
  connection: Queryable,
  entry: {
    readonly actor: string;
    readonly action: string;
    readonly subject: string;
    readonly detail: Readonly<Record<string, unknown>>;
  },
) => Promise<void>;

/** False when the position is not before the relay's own. The running relay continues from there within a second. */
export async function rewind(
  database: Database,
  plan: RewindPlan,
  { actor, audit }: { readonly actor: string; readonly audit: WriteAudit },
): Promise<boolean> {
  return database.transaction(async (connection) => {
    const [row] = await connection.query<{ moved: boolean }>({
      text: "select relay.rewind($1::pg_snapshot) as moved",
      values: [plan.position],
    });
    if (row?.moved !== true) return false;
    const { position, events, firstReceivedAt } = plan;
    await audit(connection, {
      actor,
      action: "relay.rewind",
      subject: "relay",
      detail: { position, events, first_received_at: firstReceivedAt },
    });
    return true;
  });
}
