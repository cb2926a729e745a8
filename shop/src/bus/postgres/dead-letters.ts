import type { Database } from "../../foundation/database.ts";
import type { DeadLetters } from "../bus.ts";

interface Row {
  readonly body: string;
  readonly reason: string;
  readonly deliveries: number;
  readonly failed_at: Date;
}

export function postgresDeadLetters(database: Database, queue: string): DeadLetters {
  const change = async (name: "replay" | "discard", id: string): Promise<boolean> => {
    const rows = await database.query<{ done: boolean }>(
      name === "replay"
        ? "select bus.replay_dead_letter($1, $2) as done"
        : "select bus.discard_dead_letter($1, $2) as done",
      [queue, id],
    );
    return rows[0]?.done === true;
  };
  return {
    async list(limit = 100) {
      const rows = await database.query<Row>("select * from bus.dead_letters($1, $2)", [
        queue,
        limit,
      ]);
      return rows.map(({ body, reason, deliveries, failed_at }) => ({
        id: (JSON.parse(body) as { id?: string }).id ?? "",
        body,
        reason,
        deliveries,
        failedAt: failed_at.toISOString(),
      }));
    },
    replay: (id) => change("replay", id),
    discard: (id) => change("discard", id),
  };
}
