/** The Search page in a real browser: what is alike, found by meaning, and two models side by side. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { openPage, seriousFindings } from "../../../testing/browser.ts";
import { until } from "../../../testing/until.ts";
import { startEndpoint } from "../helpers/embeddings-endpoint.ts";
import { type RunningWeir, runCommand, startWeir } from "../helpers/weir.ts";

const waitMs = Math.max(20_000, Number(process.env["WEIR_TEST_WAIT_MS"] ?? 0));
const mugs = [
  ["m1", "Red Retrospot Mug", 2.95],
  ["m2", "Vintage Red Teatime Mug", 2.51],
  ["m3", "Green Garden Bench", 79],
  ["m4", "Blue Polkadot Bowl", 4.25],
] as const;

test("a product is found by meaning, others by similarity to it, and recommendations by a user's interest", async (t) => {
  const weir = await startWeir(t);
  await sendProducts(weir);
  const { page, complaints } = await searchPage(t, weir);
  // Before anything is asked the page offers the products that are viewed most.
  await page.getByRole("list", { name: "Examples" }).getByText("Red Retrospot Mug").waitFor();
  const field = page.getByRole("searchbox");
  await field.pressSequentially("vintage teatime mugg");
  const results = page.getByRole("region", { name: /^Results of/ });
  const names = () => results.getByRole("listitem").allInnerTexts();
  await until(async () => (await names())[0]?.includes("Vintage Red Teatime Mug"), {
    what: "the tea mug to stand first",
    timeoutMs: waitMs,
  });
  assert.match(page.url(), /[?&]text=vintage\+teatime\+mugg$/);
  assert.deepEqual(await seriousFindings(page), []);

  await page.getByLabel("Max. price").fill("2,60");
  await page.getByLabel("Max. price").press("Enter");
  await until(async () => (await names()).length === 1, {
    what: "the price to leave one",
    timeoutMs: waitMs,
  });
  await page.getByLabel("Max. price").fill("");
  await page.getByRole("button", { name: "Similar to Vintage Red Teatime Mug" }).click();
  await results.getByText("Similar to: Vintage Red Teatime Mug").waitFor({ timeout: waitMs });
  await until(async () => (await names())[0]?.includes("Red Retrospot Mug"), {
    what: "the other mug to be the most like it",
    timeoutMs: waitMs,
  });
  assert.equal(await field.inputValue(), "m2", "the field says what is asked");
  await page.goBack();
  await until(async () => (await field.inputValue()) === "vintage teatime mugg", {
    what: "Back to bring the question back",
    timeoutMs: waitMs,
  });

  await page.getByRole("button", { name: "User", exact: true }).click();
  await page.getByRole("list", { name: "Examples" }).getByText("u1").click();
  await results.getByText("1 purchased product is excluded.").waitFor({ timeout: waitMs });
  assert.ok((await names()).every((text) => !text.includes("Red Retrospot Mug")));
  assert.deepEqual(complaints, []);
});

test("two models answer side by side, each with its place for every product", async (t) => {
  const endpoint = await startEndpoint(t);
  const environment = {
    WEIR_EMBEDDINGS_HTTP_URL: endpoint.url,
    WEIR_EMBEDDINGS_HTTP_MODEL: "colours",
  };
  const weir = await startWeir(t, { environment });
  await sendProducts(weir);
  const { page, complaints } = await searchPage(t, weir);
  await page.getByText("weir models add").waitFor({ timeout: waitMs });
  const added = await runCommand(["models", "add", "http", "--data", weir.dataDir], environment);
  const id = /http-\w+/.exec(added.stdout)?.[0] ?? assert.fail(added.output);
  await page.getByRole("searchbox").fill("green mug");
  const choice = page.getByLabel("Compare with");
  await choice.waitFor({ timeout: waitMs });
  await choice.selectOption(id);
  const beside = page.getByRole("region", { name: `Results of ${id}` });
  // The endpoint knows colours alone: the bench is first there, and second or later by its words.
  await beside.getByRole("listitem").first().getByText("Green Garden Bench").waitFor();
  const bench = page
    .getByRole("region", { name: /^Results of random-projection/ })
    .getByRole("listitem")
    .filter({ hasText: "Green Garden Bench" });
  await bench.getByText("#1 in the other list").waitFor({ timeout: waitMs });
  await page.getByText(/\d of \d products are in both lists/).waitFor({ timeout: waitMs });
  assert.deepEqual(await seriousFindings(page), []);
  assert.deepEqual(complaints, []);

  // An address outlives its models: what it names is said to be gone, and can be unchosen.
  await page.goto(`${weir.run.url}/search/?text=green+mug&model=gone-1&beside=gone-2`);
  await page.getByText(/there is no filled model "gone-1"/).waitFor();
  await page.getByLabel("Model", { exact: true }).selectOption("");
  await page
    .getByRole("region", { name: /^Results of/ })
    .getByText("Green Garden Bench")
    .waitFor();
  assert.equal(new URL(page.url()).search, "?text=green+mug");
});

async function searchPage(t: Parameters<typeof openPage>[0], weir: RunningWeir) {
  const opened = await openPage(t);
  const link = /http\S+\/signin\/#token=\w+/.exec(weir.output())?.[0];
  assert.ok(link !== undefined, `weir up prints a sign-in link:\n${weir.output()}`);
  opened.page.setDefaultTimeout(waitMs);
  await opened.page.goto(link);
  await heading(opened.page, "Overview");
  await opened.page.getByRole("link", { name: "Search" }).click();
  await heading(opened.page, "Search");
  return opened;
}

function heading(page: Page, name: string): Promise<void> {
  return page.getByRole("heading", { level: 1, name }).waitFor();
}

/** Views of every product, and one that a user bought; waits until they can be found and are counted. */
async function sendProducts({ run, adminKey }: RunningWeir): Promise<void> {
  const headers = { "content-type": "application/json", "x-api-key": adminKey };
  const events = mugs.map(([id, name, price]) => ({
    event_type: "product.view",
    user_id: "u1",
    product: { id, name, price, currency: "GBP" },
  }));
  const bought = { ...events[0], event_type: "purchase" };
  const response = await fetch(`${run.url}/api/events/batch`, {
    method: "POST",
    headers,
    body: JSON.stringify([...events, bought]),
  });
  assert.ok(response.ok, await response.text());
  await until(
    async () => {
      const answer = await fetch(`${run.url}/api/users/u1/recommendations`, { headers });
      if (!answer.ok) return false;
      const { basis, excluded_bought } = (await answer.json()) as Record<string, unknown>;
      return basis === "interest" && excluded_bought === 1;
    },
    { what: "the interest of the user to be searchable", timeoutMs: waitMs },
  );
}
