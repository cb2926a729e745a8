import type { Database } from "../foundation/database.ts";
import type { ChannelName, Kind, Language } from "./kinds.ts";

export interface Preference {
  /** Null: the defaults of the service. */
  readonly channels: readonly ChannelName[] | null;
  /** Null: the language of the order. */
  readonly language: Language | null;
  readonly optedOut: readonly Kind[];
  /** Null: the user has none. */
  readonly updatedAt: Date | null;
}

const none: Preference = { channels: null, language: null, optedOut: [], updatedAt: null };

interface Row {
  readonly channels: ChannelName[] | null;
  readonly language: Language | null;
  readonly opted_out: Kind[];
  readonly updated_at: Date;
}

export async function readPreference(database: Database, userId: string): Promise<Preference> {
  const [row] = await database.query<Row>("select * from preference where user_id = $1", [userId]);
  return row === undefined ? none : toPreference(row);
}

/** Replaces all of it. */
export async function writePreference(
  database: Database,
  userId: string,
  wanted: Omit<Preference, "updatedAt">,
): Promise<Preference> {
  const [row] = await database.query<Row>(
    `insert into preference (user_id, channels, language, opted_out) values ($1, $2, $3, $4)
     on conflict (user_id) do update set channels = excluded.channels, language = excluded.language,
       opted_out = excluded.opted_out, updated_at = clock_timestamp()
     returning *`,
    [userId, wanted.channels, wanted.language, wanted.optedOut],
  );
  return row === undefined ? none : toPreference(row);
}

function toPreference(row: Row): Preference {
  const { channels, language, opted_out: optedOut, updated_at: updatedAt } = row;
  return { channels, language, optedOut, updatedAt };
}
