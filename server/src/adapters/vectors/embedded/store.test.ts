import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createTestDatabase, createTestFolder } from "../../../../../testing/database.ts";
import { openNotifications } from "../../postgres/notifications.ts";
import { vectorStoreConformance } from "../conformance/conformance.ts";
import { createEmbeddedStore } from "./store.ts";

// before the database's own clean-up, which counts connections
const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());

const cacheFolder = await createTestFolder({ after });
const database = await createTestDatabase({ after });
const notifications = stack.use(
  openNotifications({ url: database.urls.app, applicationName: "test vectors" }),
);
const store = createEmbeddedStore({
  database: database.app,
  notifications,
  cacheFolder,
  memoryLimitBytes: 2 ** 30,
});
stack.defer(() => store.close());

vectorStoreConformance(async () => store);

test("only collections that were queried are in memory", async () => {
  await store.createCollection("unasked", { dimension: 4 });
  await store.createCollection("asked", { dimension: 4 });
  await store.query("asked", { vector: Float32Array.of(1, 0, 0, 0), limit: 1 });
  const names = store.stats().map(({ collection }) => collection);
  assert.ok(names.includes("asked") && !names.includes("unasked"), names.join(", "));
});
