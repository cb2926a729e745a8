/** Control of intake-promises.test.ts: a build that commits offsets before the events are stored must lose events. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { requireServers } from "../../../../testing/servers/required-servers.ts";
import { buildWith } from "../../helpers/mutated-build.ts";
import { loseByKill } from "./intake-kills.ts";
import { startIntake } from "./intake-stage.ts";

test(
  "control: offsets that are committed before the events are stored lose events",
  await requireServers("kafka"),
  async (t) => {
    const handle = "const isDone = await this.#handle(batch, signal);";
    const main = await buildWith(t, [
      {
        in: "adapters/kafka/consumer/partition.ts",
        from: handle,
        to: `this.done = (batch.at(-1) as Message).offset + 1n;
      this.#options.onDone(0);
      ${handle}`,
      },
    ]);
    const stage = await startIntake(t, { main });
    // on a busy machine intake may not have read the messages before it is killed
    let lost = 0;
    for (let attempt = 0; lost === 0 && attempt < 8; attempt++)
      lost = await loseByKill(stage, 3_000);
    assert.notEqual(lost, 0);
  },
);
