/** A worker in a process of its own, for tests that freeze and kill it: `node etl-worker-process.ts <url>`. */

import { openNotifications } from "../../src/adapters/postgres/notifications.ts";
import { openPool } from "../../src/adapters/postgres/pool.ts";
import { createEtl } from "../../src/parts/etl/worker.ts";

const url = process.argv[2] ?? "";
const stop = new AbortController();
process.on("SIGTERM", () => stop.abort());
const database = openPool({ url, applicationName: "test etl worker", max: 4 });
const notifications = openNotifications({ url, applicationName: "test etl worker listens" });
const part = createEtl({
  database,
  notifications,
  owner: `test/${process.pid}`,
  intervalMs: 20,
  stepEvents: 50,
  retentionDays: 5,
  onError: (error) => console.error(String(error)),
});
await part.run(stop.signal);
await notifications.close();
await database.close();
