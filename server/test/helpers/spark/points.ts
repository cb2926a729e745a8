/** Points of PostgreSQL and of Qdrant, compared. */
import type { TestDatabase } from "../../../../testing/database.ts";
import type { VectorStore } from "../../../src/core/ports/vector-store.ts";

export interface ExpectedPoint {
  readonly vector: Float32Array;
  readonly payload: unknown;
}

/** The points of a collection as the part `stream` wrote them, by id. */
export async function pointsOf(
  { app }: TestDatabase,
  collection: string,
): Promise<Map<string, ExpectedPoint>> {
  const rows = await app.query<{ id: string; vector: Buffer; payload: unknown }>({
    text: `select p.id::text as id, p.vector, p.payload from vectors.points p
           join vectors.collections c on c.id = p.collection_id where c.name = $1 and p.deleted_at is null`,
    values: [collection],
  });
  return new Map(
    rows.map(({ id, vector, payload }) => [
      id,
      { vector: new Float32Array(new Uint8Array(vector).buffer), payload },
    ]),
  );
}

/** Points that differ: in their ids, their payloads, or by a cosine of 0.9999 or less. */
export async function differentPoints(
  store: VectorStore,
  collection: string,
  expected: ReadonlyMap<string, ExpectedPoint>,
): Promise<string[]> {
  const { points } = await store.scroll(collection, { limit: 10_000, with_vector: true });
  const found = new Map(points.map((point) => [point.id, point]));
  const problems = [...found.keys()]
    .filter((id) => !expected.has(id))
    .map((id) => `${id} is not expected`);
  for (const [id, { vector, payload }] of expected) {
    const point = found.get(id);
    if (point?.vector === undefined) {
      problems.push(`${id} is missing: ${JSON.stringify(payload)}`);
      continue;
    }
    const other = point.vector;
    const cosine = vector.reduce((sum, entry, d) => sum + entry * (other[d] as number), 0);
    if (!(cosine > 0.9999)) problems.push(`${id}: cosine ${cosine}`);
    const [own, its] = [sorted(payload), sorted(point.payload)];
    if (own !== its) problems.push(`${id}: ${own} is ${its}`);
  }
  return problems;
}

function sorted(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
