import assert from "node:assert/strict";
import {
  type CleanUp,
  createTestDatabase,
  type TestDatabase,
} from "../../../../testing/database.ts";
import type { Database } from "../../../src/core/ports/database.ts";
import {
  defaultEventTypeMapping,
  syncEventTypeMapping,
} from "../../../src/parts/etl/event-types.ts";

/** A database that the ETL can work in: partitions and the built-in event types are there. */
export async function createEtlDatabase(t: CleanUp): Promise<TestDatabase> {
  const database = await createTestDatabase(t);
  await database.owner.query({ text: "select raw.prepare_days(1)" });
  await database.app.query({
    text: "select etl.ensure_facts_partitions((now() - interval '10 days')::date, (now() + interval '2 days')::date)",
  });
  await syncEventTypeMapping(database.app, defaultEventTypeMapping);
  return database;
}

export interface Mutation {
  /** `schema.function(types)` */
  readonly in: string;
  readonly from: string;
  readonly to: string;
}

/** Changes one place of a function: what a mistake there would be. */
export async function mutate(owner: Database, mutation: Mutation): Promise<void> {
  const [found] = await owner.query<{ source: string }>({
    text: "select pg_get_functiondef($1::regprocedure) as source",
    values: [mutation.in],
  });
  const source = found?.source ?? "";
  assert.ok(source.includes(mutation.from), `${mutation.in} holds ${mutation.from}`);
  await owner.query({ text: source.replace(mutation.from, mutation.to) });
}
