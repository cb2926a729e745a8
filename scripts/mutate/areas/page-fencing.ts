import type { Area } from "../mutant.ts";

const reader = "server/src/parts/log/page-reader.ts";
const claim = "server/sql/functions/log/claim.sql";
const worker = "server/src/parts/stream/worker.ts";
const processor = "server/src/parts/stream/write/processor.ts";
const advance = "server/sql/functions/log/advance.sql";

/** A worker whose page was taken over writes nothing: every page counts once. */
export const pageFencing: Area = {
  name: "page-fencing",
  sources: [reader, claim, advance],
  tests: [
    "server/src/parts/log/page-reader.test.ts",
    "server/src/parts/log/range-reader.test.ts",
    "server/src/parts/stream/frozen-worker.test.ts",
  ],
  mutations: [
    {
      in: reader,
      from: '"delete from log.pages where id = $1 and epoch = $2 returning id"',
      to: '"delete from log.pages where id = $1 and epoch >= $2 returning id"',
    },
    {
      in: reader,
      from: "set heartbeat_at = clock_timestamp() where id = $1 and epoch = $2",
      to: "set heartbeat_at = clock_timestamp() where id = $1 and epoch >= $2",
    },
    { in: claim, from: "epoch = p.epoch + 1", to: "epoch = p.epoch" },
    { in: claim, from: "1 + floor(random() * 1e9)::int", to: "1" },
    {
      in: claim,
      from: "a.heartbeat_at not between clock_timestamp() - patience and clock_timestamp() + patience",
      to: "a.heartbeat_at < clock_timestamp() - patience",
    },
    {
      in: claim,
      from: "where r.name = for_reader for no key update",
      to: "where r.name = for_reader",
    },
    {
      in: worker,
      from: "if (!(await pages.finish(connection, page))) return false;",
      to: "await pages.finish(connection, page);",
    },
    {
      in: processor,
      from: "if (!(await finish(connection, written.dead))) throw new PageLost();",
      to: "await finish(connection, written.dead);",
    },
    { in: advance, from: " and r.position::text = from_position::text", to: "" },
  ],
  equivalent: [],
};
