/**
 * The dashboard in a real browser, served by a real Weir with its demo: sign in by the printed link,
 * numbers appear, a sent event shows up live without reload, nothing complains.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { before, type TestContext, test } from "node:test";
import type { Page } from "playwright-core";
import { openPage, seriousFindings } from "../../../testing/browser.ts";
import { until } from "../../../testing/until.ts";
import { dashboardFolder } from "../../src/process/paths.ts";
import { freezeServer } from "../helpers/frozen-server.ts";
import { type RunningWeir, startWeir } from "../helpers/weir.ts";

before(() => {
  assert.ok(existsSync(dashboardFolder), "the dashboard is not built: npm run build");
});

const waitMs = Math.max(20_000, Number(process.env["WEIR_TEST_WAIT_MS"] ?? 0));

async function signedIn(t: TestContext, ...parameters: string[]) {
  const weir = await startWeir(t, {
    arguments: parameters,
    environment: { WEIR_DEMO_HISTORY_DAYS: "3" },
  });
  const opened = await openPage(t);
  const link = signInLink(weir);
  await opened.page.goto(link);
  await opened.page.waitForURL(`${weir.run.url}/**`, { timeout: waitMs });
  await opened.page
    .getByRole("heading", { level: 1, name: "Overview" })
    .waitFor({ timeout: waitMs });
  return { weir, link, ...opened };
}

test("sign in by the link, numbers appear and grow, nothing complains, axe finds nothing serious", async (t) => {
  const { page, complaints } = await signedIn(t, "--rate", "20");
  const events = await until(async () => positiveNumberOf(page, "Events"), {
    what: "a number of events on the Overview",
    timeoutMs: waitMs,
  });
  await until(async () => ((await positiveNumberOf(page, "Events")) ?? 0) > events, {
    what: "the number of events to grow without a reload",
    timeoutMs: waitMs,
  });
  await page.locator("canvas").first().waitFor({ timeout: waitMs });
  assert.deepEqual(await seriousFindings(page), []);
  await page.getByRole("link", { name: "Windows" }).click();
  await page.getByRole("heading", { level: 1, name: "Windows" }).waitFor({ timeout: waitMs });
  await page.getByRole("row").nth(2).waitFor({ timeout: waitMs });
  assert.deepEqual(await seriousFindings(page), []);
  assert.deepEqual(complaints, []);
});

test("while the database does not answer, the page says so, keeps its numbers, and continues by itself", async (t) => {
  const { weir, page } = await signedIn(t, "--rate", "20");
  const events = await until(async () => positiveNumberOf(page, "Events"), {
    what: "a number of events on the Overview",
    timeoutMs: waitMs,
  });
  const thaw = freezeServer(t, weir.run.pids["postgres"] as number, weir.process.pid);
  const banner = page
    .getByRole("status")
    .filter({ hasText: /Weir cannot reach its database since \d\d:\d\d:\d\d/ });
  await banner.waitFor({ timeout: waitMs });
  assert.ok(((await positiveNumberOf(page, "Events")) ?? 0) >= events, "the numbers stay");
  assert.deepEqual(await seriousFindings(page), []);
  await page.reload();
  await banner.waitFor({ timeout: waitMs });
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor({ timeout: waitMs });
  if (process.env["WEIR_TEST_SCREENSHOTS"] !== undefined) {
    await page.screenshot({ path: `${process.env["WEIR_TEST_SCREENSHOTS"]}/outage.png` });
  }
  thaw();
  await banner.waitFor({ state: "detached", timeout: 2 * waitMs });
  await until(async () => ((await positiveNumberOf(page, "Events")) ?? 0) > events, {
    what: "the number of events to grow again without a reload",
    timeoutMs: waitMs,
  });
});

test("an event that is sent shows up on Live without a reload", async (t) => {
  const { weir, page, complaints } = await signedIn(t, "--no-demo");
  await page.getByRole("link", { name: "Live" }).click();
  await page.getByRole("heading", { level: 1, name: "Live" }).waitFor({ timeout: waitMs });
  await send(weir, { event_type: "page.test", user_id: "seen-live" });
  await page.getByText("seen-live").first().waitFor({ timeout: waitMs });
  assert.deepEqual(await seriousFindings(page), []);
  assert.deepEqual(complaints, []);
});

test("an event that comes while Live is being opened shows up too", async (t) => {
  const { weir, page } = await signedIn(t, "--no-demo");
  const opening = Promise.withResolvers<void>();
  const sent = Promise.withResolvers<void>();
  await page.routeWebSocket(/\/ws\/events/, async (socket) => {
    opening.resolve();
    await sent.promise;
    socket.connectToServer();
  });
  await page.getByRole("link", { name: "Live" }).click();
  await opening.promise;
  // Whatever the page asks for before the feed begins has been answered before the event comes.
  await page.waitForLoadState("networkidle", { timeout: waitMs });
  await send(weir, { event_type: "page.test", user_id: "seen-while-opening" });
  sent.resolve();
  await page.getByText("seen-while-opening").first().waitFor({ timeout: waitMs });
});

test("an event that comes while Live's filter is being changed shows up too", async (t) => {
  const { weir, page } = await signedIn(t, "--no-demo");
  const changing = Promise.withResolvers<void>();
  const sent = Promise.withResolvers<void>();
  await page.routeWebSocket(/\/ws\/events/, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage(async (frame) => {
      changing.resolve();
      await sent.promise;
      server.send(frame);
    });
  });
  await page.goto(`${weir.run.url}/live/?user=nobody`);
  await page.waitForLoadState("networkidle", { timeout: waitMs });
  await page.getByRole("button", { name: /^Remove filter/ }).click();
  await changing.promise;
  // Whatever the page asked for before the server has heard it is answered before the event comes.
  await page.evaluate(async () => (await fetch("/api/events?limit=50")).text());
  await send(weir, { event_type: "page.test", user_id: "seen-while-changing" });
  sent.resolve();
  await page.getByText("seen-while-changing").first().waitFor({ timeout: waitMs });
});

test("the link works once, and a key signs in too", async (t) => {
  const { weir, link } = await signedIn(t, "--no-demo");
  const second = await openPage(t);
  await second.page.goto(link);
  await second.page.getByRole("alert").first().waitFor({ timeout: waitMs });
  assert.equal(new URL(second.page.url()).hash, "", "the token does not stay in the address");
  await second.page.getByLabel(/key/i).fill(weir.adminKey);
  await second.page.keyboard.press("Enter");
  await second.page
    .getByRole("heading", { level: 1, name: "Overview" })
    .waitFor({ timeout: waitMs });
});

test("a link opened in a tab that already shows the sign-in page signs in", async (t) => {
  const weir = await startWeir(t, { arguments: ["--no-demo"] });
  const { page } = await openPage(t);
  await page.goto(`${weir.run.url}/signin/`);
  await page.getByLabel(/key/i).waitFor({ timeout: waitMs });
  const usedLink = `${weir.run.url}/signin/#token=${"0".repeat(43)}`;
  await page.goto(usedLink);
  await page.getByRole("alert").first().waitFor({ timeout: waitMs });
  assert.equal(new URL(page.url()).hash, "", "the token does not stay in the address");
  // Only the fragment differs, so that the browser does not load the page again.
  await page.goto(signInLink(weir));
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor({ timeout: waitMs });
});

function signInLink(weir: RunningWeir): string {
  const link = /http\S+\/signin\/#token=\w+/.exec(weir.output())?.[0];
  assert.ok(link !== undefined, `weir up prints a sign-in link:\n${weir.output()}`);
  return link;
}

/** The exact number of a figure, once it is above zero. */
async function positiveNumberOf(page: Page, figure: string): Promise<number | undefined> {
  const exact = page.getByRole("button", { name: figure }).locator("[title]").first();
  if ((await exact.count()) === 0) return undefined;
  const value = Number((await exact.getAttribute("title"))?.replaceAll(",", ""));
  return value > 0 ? value : undefined;
}

async function send({ run, adminKey }: RunningWeir, event: object): Promise<void> {
  const response = await fetch(`${run.url}/api/events/`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": adminKey },
    body: JSON.stringify(event),
  });
  assert.equal(response.status, 202);
}
