/** Collections in Qdrant. */
import {
  type CollectionSettings,
  type VectorStore,
  VectorStoreError,
} from "../../../core/ports/vector-store.ts";
import { type Call, type Client, pathOf } from "./calls.ts";

type CollectionCalls = Pick<VectorStore, "createCollection" | "deleteCollection" | "collection">;

interface QdrantInfo {
  readonly status: "green" | "yellow" | "grey" | "red";
  readonly config: { readonly params: { readonly vectors: { readonly size?: number } } };
  readonly payload_schema: Readonly<Record<string, unknown>>;
}

export function collectionCalls(
  client: Client,
  { scalarQuantisation }: { readonly scalarQuantisation?: boolean },
): CollectionCalls {
  return {
    createCollection: (name, settings, call) =>
      createCollection(client, { ...settings, name, call, scalarQuantisation }),

    async deleteCollection(name, call) {
      await client.call("DELETE", pathOf(name), { options: call });
    },

    async collection(name, call) {
      const info = await readInfo(client, name, call);
      if (info === undefined) return undefined;
      // `points_count` of the collection is an estimate
      const body = { exact: true };
      const { count } = await client.call<{ count: number }>(
        "POST",
        pathOf(name, "/points/count"),
        {
          body,
          options: call,
        },
      );
      // yellow and grey still answer with every point; only their index is incomplete
      const state = info.status === "red" ? "loading" : "ready";
      return { name, dimension: dimensionOf(info), points: count, state };
    },
  };
}

interface NewCollection extends CollectionSettings {
  readonly name: string;
  readonly scalarQuantisation: boolean | undefined;
  readonly call: Call;
}

async function createCollection(client: Client, wanted: NewCollection): Promise<void> {
  const { name, dimension, call, payloadIndexes = {} } = wanted;
  const existing = await readInfo(client, name, call);
  // undefined: this call created it
  const info = existing ?? (await putCollection(client, wanted));
  if (info !== undefined && dimensionOf(info) !== dimension) {
    throw new VectorStoreError(
      `The collection "${name}" has ${dimensionOf(info)} dimensions, not ${dimension}: ` +
        "use a separate collection for vectors of another model, or delete this one first.",
      { code: "dimension_mismatch" },
    );
  }
  for (const [field, schema] of Object.entries(payloadIndexes)) {
    if (info?.payload_schema[field] !== undefined) continue;
    const body = { field_name: field, field_schema: schema };
    await client.call("PUT", pathOf(name, "/index?wait=true"), { body, options: call });
  }
}

/** Returns the collection if it exists already, created by another process or by an attempt whose answer was lost. */
async function putCollection(
  client: Client,
  { name, dimension, scalarQuantisation, call }: NewCollection,
): Promise<QdrantInfo | undefined> {
  const quantised = { scalar: { type: "int8", quantile: 0.99, always_ram: true } };
  const body = {
    vectors: { size: dimension, distance: "Cosine" },
    ...(scalarQuantisation === true ? { quantization_config: quantised } : {}),
  };
  try {
    await client.call("PUT", pathOf(name), { body, options: call });
    return undefined;
  } catch (error) {
    const info = await readInfo(client, name, call);
    if (info === undefined) throw error;
    return info;
  }
}

async function readInfo(client: Client, name: string, call: Call): Promise<QdrantInfo | undefined> {
  try {
    return await client.call<QdrantInfo>("GET", pathOf(name), { options: call });
  } catch (error) {
    if (error instanceof VectorStoreError && error.code === "not_found") return undefined;
    throw error;
  }
}

/** -1 for a collection with named vectors, which this driver never creates. */
function dimensionOf(info: QdrantInfo): number {
  return info.config.params.vectors.size ?? -1;
}
