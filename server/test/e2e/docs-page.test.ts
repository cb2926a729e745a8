/** The API reference in a real browser, over plain HTTP: it works, and its own policy blocks nothing of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "../../../testing/browser.ts";
import { listRoutes } from "../../src/compose/route-list.ts";
import { loadConfig } from "../../src/config/load.ts";
import { serveRoutes } from "../helpers/http-server.ts";

test("/docs shows the API, asks no other site, and nothing complains", async (t) => {
  const { routes } = await listRoutes(loadConfig({ env: {}, cwd: "/nowhere" }));
  const { port } = await serveRoutes(t, { routes });
  const url = `http://127.0.0.1:${port}`;
  const { page, complaints } = await openPage(t);
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  const answer = await page.goto(`${url}/docs`);
  const policy = answer?.headers()["content-security-policy"] ?? "";
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /upgrade-insecure-requests|validator|https:|script-src[^;]*unsafe/);
  const operation = page.locator('[id$="health_live"]');
  await operation.waitFor({ timeout: 60_000 });
  await operation.click();
  await page.getByRole("button", { name: "Execute" }).click();
  await page.getByText('"status": "ok"').first().waitFor({ timeout: 20_000 });
  assert.deepEqual(complaints, []);
  assert.deepEqual(
    asked.filter((one) => !one.startsWith(url) && !one.startsWith("data:")),
    [],
  );
});
