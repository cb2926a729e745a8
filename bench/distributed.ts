/**
 * Weir with a real Kafka (and Spark), end to end:
 *
 *   node bench/distributed.ts [--rates 500,1000,2000] [--seconds 60] [--engine builtin|spark]
 *     produce -> intake -> raw log -> relay -> topic events, windows and vectors, at each rate: whether it is
 *     sustained, produce -> topic events, produce -> searchable, CPU per event of each process
 *   node bench/distributed.ts --only intake [--events 200000]   a backlog of raw_data, all other parts held back
 *   node bench/distributed.ts --only relay [--events 200000]    a backlog of the raw log, the same
 *
 * Needs `npm run services -- install kafka` (and spark). The producer and the consumer run in this process, on the
 * same CPUs.
 */
import { parseArgs } from "node:util";
import { GeneratedEvents } from "../server/src/parts/demo/generator/generated-events.ts";
import { drainIntake, drainRelay } from "./distributed/drain.ts";
import { measurePath } from "./distributed/path.ts";
import { openStage } from "./distributed/stage.ts";

const { values: flags } = parseArgs({
  options: {
    rates: { type: "string", default: "500,1000,2000" },
    seconds: { type: "string", default: "60" },
    events: { type: "string", default: "200000" },
    engine: { type: "string", default: "builtin" },
    only: { type: "string" },
  },
});
if (flags.engine !== "builtin" && flags.engine !== "spark") {
  throw new RangeError("--engine must be builtin or spark");
}

const events = new GeneratedEvents({
  seed: 1,
  start: Date.now() - 60_000,
  density: 20_000,
  shares: { bad: 0, late: 0, duplicate: 0 },
});

await using stack = new AsyncDisposableStack();
const stage = await openStage(stack, flags.engine);
if (flags.only === "intake") await drainIntake(stage, events, Number(flags.events));
else if (flags.only === "relay") await drainRelay(stage, events, Number(flags.events));
else if (flags.only !== undefined) throw new RangeError("--only must be intake or relay");
else {
  let from = 0;
  // code that was never run is slow: the first run is not reported as a rate of its own
  from += await measurePath(stage, { rate: 200, seconds: 5, events, from });
  for (const rate of flags.rates.split(",").map(Number)) {
    from += await measurePath(stage, { rate, seconds: Number(flags.seconds), events, from });
  }
}
