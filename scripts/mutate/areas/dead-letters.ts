import type { Area } from "../mutant.ts";

const replay = "server/src/parts/dlq/replay.ts";
const change = "server/src/parts/dlq/change-dead-letters.ts";
const replays = "server/src/parts/dlq/replays.ts";
const add = "server/sql/functions/dlq/add.sql";

/** Nothing is dropped in silence, and replaying twice has one effect. */
export const deadLetters: Area = {
  name: "dead-letters",
  sources: [replay, "server/src/parts/dlq/dead-letters.ts", change, replays, add],
  tests: [
    "server/src/parts/dlq/replay.test.ts",
    "server/src/parts/dlq/dead-letters.test.ts",
    "server/src/parts/dlq/routes.test.ts",
  ],
  mutations: [
    { in: replay, from: "limit 1 for update skip locked", to: "limit 1" },
    {
      in: replay,
      from: 'if (!replayed.ok) await connection.query({ text: "rollback to savepoint replay" });',
      to: "",
    },
    {
      in: replay,
      from: "if (signal.aborted || isRetryable(error)) throw error;",
      to: "if (signal.aborted) throw error;",
    },
    {
      in: replay,
      from: "else await reopen(connection, letter.id, replayed);",
      to: "",
    },
    {
      in: replay,
      from: "where id = $1 and state = 'replaying' returning 1 as one",
      to: "where id = $1 returning 1 as one",
    },
    {
      in: replays,
      from: "and not exists (select from dlq.letters where replay_id = r.id and state = 'replaying')",
      to: "",
    },
    {
      in: replay,
      from: "await pauseReplay(database, replayId, withoutNul(messageOf(error)));",
      to: "",
    },
    {
      in: change,
      from: 'letter.state === "replaying" || letter.state === "resolved"',
      to: 'letter.state === "resolved"',
    },
  ],
  equivalent: [
    {
      in: "server/src/parts/dlq/dead-letters.ts",
      from: 'detail: `there is no dead letter with the id "$' + '{id.slice(0, 80)}"`,',
      to: 'detail: `there is no dead letter with the id "$' + '{id.slice((0 - 1), 80)}"`,',
      because: "it shortens an id in a sentence for people",
    },
  ],
};
