import assert from "node:assert/strict";
import { test } from "node:test";
import { fitModel } from "./fit-model.ts";
import { finish } from "./interruptible.ts";

const texts = Array.from({ length: 40 }, (_, n) => `mug ${n % 7} with stars ${n % 5}`);
const fitting = () => fitModel(texts, { dimension: 8, created: new Date(0) });

test("a fit can be left after each text and each row of every pass, and breaks change nothing", () => {
  let steps = 0;
  const work = fitting();
  while (work.next().done !== true) steps++;
  // counted, read in two passes and once more for the directions
  assert.ok(steps > 4 * texts.length, `${steps} steps`);
  assert.deepEqual(finish(fitting(), { workMs: 5, restMs: 0.1 }), finish(fitting()));
});

test("an interruptible computation pauses after each piece of work", () => {
  function* work(): Generator<undefined, string, undefined> {
    for (let n = 0; n < 10; n++) yield;
    return "done";
  }
  const began = performance.now();
  assert.equal(finish(work(), { workMs: 0, restMs: 5 }), "done");
  // the clock of the wait may be a little coarser
  assert.ok(performance.now() - began > 45, `${performance.now() - began} ms`);
});
