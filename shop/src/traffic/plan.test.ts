import assert from "node:assert/strict";
import { test } from "node:test";
import { assumed, type Outcome, planVisit } from "./plan.ts";
import { seededRandom } from "./random.ts";
import { readRates } from "./rates.ts";
import { mistype } from "./typing-error.ts";

test("the same seed and number give the same plan; another seed gives others", async () => {
  const rates = await readRates();
  const plans = (seed: number) =>
    Array.from({ length: 50 }, (_, number) => {
      const { random, ...plan } = planVisit(number, { seed, rates });
      return { ...plan, next: random() };
    });
  assert.deepEqual(plans(1), plans(1));
  assert.notDeepEqual(plans(1), plans(2));
});

test("the shares of many plans are those of the sample", async () => {
  const rates = await readRates();
  const count = 40_000;
  const plans = Array.from({ length: count }, (_, number) => planVisit(number, { seed: 7, rates }));
  const share = (...outcomes: Outcome[]) =>
    plans.filter(({ outcome }) => outcomes.includes(outcome)).length / count;
  const near = (found: number, wanted: number) =>
    assert.ok(Math.abs(found / wanted - 1) < 0.12, `${found} instead of ${wanted}`);
  near(share("pays", "returns"), rates.fillsCart * rates.pays);
  near(1 - share("leaves"), rates.fillsCart);
  near(plans.reduce((sum, { views }) => sum + views, 0) / count, rates.viewsPerVisit);
  assert.ok(plans.every(({ views, ways }) => views >= 1 && ways.length === views));
  assert.ok(plans.every(({ outcome, signsIn }) => outcome !== "leaves" || !signsIn));
  const ways = plans.flatMap((plan) => plan.ways);
  near(ways.filter((way) => way === "search").length / ways.length, assumed.ways.search);
});

test("a chosen share of buyers replaces the sample's", async () => {
  const rates = await readRates();
  const outcomes = (buyers: number) =>
    new Set(
      Array.from(
        { length: 200 },
        (_, number) => planVisit(number, { seed: 1, rates, buyers }).outcome,
      ),
    );
  assert.deepEqual(outcomes(0), new Set(["leaves"]));
  assert.deepEqual([...outcomes(1)].sort(), ["pays", "returns"]);
});

test("a typing error changes one place of the longest word, and short words stay", () => {
  const random = seededRandom(1, 1);
  for (let round = 0; round < 200; round++) {
    const wrong = mistype("small teapot", random);
    assert.ok(wrong.startsWith("small t"), wrong);
    assert.ok(Math.abs(wrong.length - "small teapot".length) <= 1, wrong);
  }
  assert.equal(mistype("mug", random), "mug");
  assert.equal(mistype("", random), "");
});
