/**
 * The part `erasure` in a process of its own, which kills itself at a statement:
 * `node erasure-process.ts <url> [<before or after> <part of a statement, or "commit">]`.
 */
import { openNotifications } from "../../src/adapters/postgres/notifications.ts";
import { openPool } from "../../src/adapters/postgres/pool.ts";
import type { Database, Queryable, Statement } from "../../src/core/ports/database.ts";
import { createErasure } from "../../src/parts/erasure/erasure.ts";
import { noHistory } from "../helpers/erasure.ts";

const [url = "", when = "never", step = ""] = process.argv.slice(2);
const pool = openPool({ url, applicationName: "test erasure", max: 2 });

function reach(moment: "before" | "after", text: string): void {
  if (moment === when && text.includes(step)) process.kill(process.pid, "SIGKILL");
}

function watched(connection: Queryable): Queryable {
  return {
    async query<Row>(statement: Statement, options?: Parameters<Queryable["query"]>[1]) {
      reach("before", statement.text);
      const rows = await connection.query<Row>(statement, options);
      reach("after", statement.text);
      return rows;
    },
  };
}

const database: Database = {
  ...watched(pool),
  stream: (statement, options) => pool.stream(statement, options),
  async transaction(work, options) {
    const result = await pool.transaction((connection) => work(watched(connection)), options);
    reach("after", "commit");
    return result;
  },
};

const stop = new AbortController();
process.on("SIGTERM", () => stop.abort());
const notifications = openNotifications({ url, applicationName: "test erasure listens" });
const part = createErasure({
  database,
  notifications,
  history: noHistory,
  onError: (error) => console.error(String(error)),
});
await part.run(stop.signal);
await notifications.close();
await pool.close();
