import type { Queryable } from "../../src/core/ports/database.ts";

/** What a part does with an event that it cannot process; returns the id of the dead letter. */
export async function addDeadLetter(
  connection: Queryable,
  letter: {
    readonly key: string;
    readonly part?: string;
    readonly reason?: string;
    readonly error?: string;
    readonly original?: string | Buffer;
    readonly userKey?: string;
  },
): Promise<string> {
  const [row] = await connection.query<{ id: string }>({
    text: "select dlq.add($1, $2, $3, $4, $5, $6, $7) as id",
    values: [
      letter.part ?? "test",
      letter.key,
      JSON.stringify({ event_id: letter.key }),
      letter.reason ?? "broken",
      letter.error ?? "it is broken",
      Buffer.from(letter.original ?? `{"key":"${letter.key}"}`),
      letter.userKey ?? null,
    ],
  });
  if (row === undefined) throw new Error("dlq.add returned no row");
  return row.id;
}
