/**
 * A replaying process for tests that kill it: `node replay-process.ts <url> inside|outside`. Its effect is
 * one row per dead letter; `outside` writes it over another connection, which is the mistake that the control makes.
 */

import { openNotifications } from "../../src/adapters/postgres/notifications.ts";
import { openPool } from "../../src/adapters/postgres/pool.ts";
import { createDlq } from "../../src/parts/dlq/dlq.ts";

const [, , url = "", where = "inside"] = process.argv;
const stop = new AbortController();
process.on("SIGTERM", () => stop.abort());
const database = openPool({ url, applicationName: "test replay", max: 8 });
const notifications = openNotifications({ url, applicationName: "test replay listens" });
const part = createDlq({
  database,
  notifications,
  replayers: [
    {
      part: "test",
      async replay(connection, letter) {
        const effects = where === "inside" ? connection : database;
        await effects.query({
          text: "insert into public.effects select $1 from pg_sleep(0.005 * random())",
          values: [letter.id],
        });
        // a kill of the control has to hit between the effect and the commit
        const pause = where === "inside" ? "0.01 * random()" : "0.05";
        await connection.query({ text: `select pg_sleep(${pause})` });
        return { ok: true };
      },
    },
  ],
  workers: 2,
  retention: () => ({ retentionDays: 1, maxBytes: 1e9 }),
  onError: (error) => console.error(String(error)),
});
await part.run(stop.signal);
await notifications.close();
await database.close();
