/** How fast one part works off a backlog while the other parts are held back. */
import { setTimeout as delay } from "node:timers/promises";
import type { GeneratedEvents } from "../../server/src/parts/demo/generator/generated-events.ts";
import { countCpu } from "../cpu-by-process.ts";
import { messageOf, type Stage } from "./stage.ts";

const batch = 500;
const inFlight = 4;
const everyMs = 100;

/** Produces `count` events to `raw_data`, as fast as the broker takes them. */
async function produce(stage: Stage, events: GeneratedEvents, count: number): Promise<void> {
  const sending = new Set<Promise<unknown>>();
  for (let n = 0; n < count; n += batch) {
    const size = Math.min(batch, count - n);
    const messages = Array.from({ length: size }, (_, place) =>
      messageOf(stage, events.at(n + place).event),
    );
    const sent: Promise<unknown> = stage.producer
      .send(messages)
      .finally(() => sending.delete(sent));
    sending.add(sent);
    if (sending.size >= inFlight) await Promise.race(sending);
  }
  await Promise.all(sending);
}

/** `raw_data` -> raw log, alone. */
export async function drainIntake(
  stage: Stage,
  events: GeneratedEvents,
  count: number,
): Promise<void> {
  stage.hold("intake", "etl", "stream", "relay");
  await produce(stage, events, count);
  const done = measure(stage, { count, progress: () => stage.stored() });
  stage.release("intake");
  report("intake: raw_data -> raw log", await done);
}

/** Raw log -> `events`, alone. */
export async function drainRelay(
  stage: Stage,
  events: GeneratedEvents,
  count: number,
): Promise<void> {
  stage.hold("etl", "stream", "relay");
  await produce(stage, events, count);
  while ((await stage.stored()) < count) await delay(everyMs);
  const topic = `${stage.config.kafka.topics.prefix}events`;
  const done = measure(stage, { count, progress: () => stage.messages(topic) });
  stage.release("relay");
  report("relay: raw log -> events", await done);
}

interface Drained {
  readonly events: number;
  readonly seconds: number;
  readonly cpu: readonly (readonly [name: string, micros: number])[];
}

/** From the first progress to the last: joining a group and taking a lease are not part of it. */
async function measure(
  { system }: Stage,
  about: { readonly count: number; readonly progress: () => Promise<number> },
): Promise<Drained> {
  const { count, progress } = about;
  const counted = countCpu(system.run.pids["supervisor"] ?? 0, system.run.database_url);
  let first: { readonly at: number; readonly events: number } | undefined;
  for (;;) {
    const events = await progress();
    const at = performance.now();
    if (first === undefined && events > 0) first = { at, events };
    if (first !== undefined && events >= count) {
      const { byName } = await counted();
      return { events: events - first.events, seconds: (at - first.at) / 1000, cpu: byName };
    }
    await delay(everyMs);
  }
}

function report(what: string, { events, seconds, cpu }: Drained): void {
  console.log(
    `${what}: ${events} events in ${seconds.toFixed(1)} s, ${(events / seconds).toFixed(0)} events/s`,
  );
  const shares = cpu.slice(0, 8).map(([name, micros]) => `${name} ${(micros / events).toFixed(1)}`);
  console.log(`  CPU per event, µs: ${shares.join(", ")}`);
}
