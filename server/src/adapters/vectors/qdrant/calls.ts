/** What the calls of the store share. */
import type { CallOptions } from "../../../core/ports/vector-store.ts";
import type { QdrantClient } from "./http.ts";

export type Call = CallOptions | undefined;

/** Path of a collection in Qdrant's API, and below it. */
export function pathOf(collection: string, rest = ""): string {
  return `/collections/${encodeURIComponent(collection)}${rest}`;
}

export type Client = Pick<QdrantClient, "call">;
