/** For tests of the collection `events`: a stream with its models, and two services that send. */

import { type CleanUp, createTestDatabase } from "../../../testing/database.ts";
import { createReplayer } from "../../src/parts/stream/dead-letters.ts";
import { createTestStream, type TestStream, type TestStreamOptions } from "./stream.ts";

export interface EventStream extends Omit<TestStream, "start"> {
  readonly replayer: ReturnType<typeof createReplayer>;
  /** Starts the parts, with or without the collection. */
  start(events: { readonly days: number } | undefined): void;
  /** Points of events in the collection that answers. */
  points(): Promise<EventPoint[]>;
}

export interface EventPoint {
  readonly id: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly changed: string;
}

/** Services `shop` (1) and `desk` (2). */
export async function createEventStream(
  t: CleanUp,
  options: TestStreamOptions = {},
): Promise<EventStream> {
  const database = await createTestDatabase(t);
  const { owner, app } = database;
  await owner.query({ text: "select raw.prepare_days(2)" });
  await owner.query({ text: "insert into etl.event_type_actions values ('product.view', 1)" });
  await owner.query({
    text: "insert into auth.services (name, role) values ('shop', 'service'), ('desk', 'service')",
  });
  const stream = createTestStream(t, database, options);
  return {
    ...stream,
    replayer: createReplayer(stream.processor, { documents: true }),
    start: (events) => stream.start({ workers: 2, events, beside: ["models"] }),
    points: () =>
      app.query<EventPoint>({
        text: `select p.id, p.payload, p.changed::text as changed
               from vectors.aliases a join vectors.points p on p.collection_id = a.collection_id
               where a.alias = 'events' and p.deleted_at is null order by p.payload ->> 'event_id', p.payload ->> 'source'`,
      }),
  };
}
