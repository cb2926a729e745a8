import { after } from "node:test";
import { createTestDatabase, createTestFolder } from "../../test/helpers/database.ts";
import { openNotifications } from "../postgres/notifications.ts";
import { vectorStoreConformance } from "./conformance.ts";
import { createEmbeddedStore } from "./embedded-store.ts";

const database = await createTestDatabase({ after });
const cacheFolder = await createTestFolder({ after });
const notifications = openNotifications({
  url: database.urls.app,
  applicationName: "test vectors",
});
const store = createEmbeddedStore({
  database: database.app,
  notifications,
  cacheFolder,
  memoryLimitBytes: 2 ** 30,
});
after(async () => {
  await store.close();
  await notifications.close();
});

vectorStoreConformance(async () => store);
