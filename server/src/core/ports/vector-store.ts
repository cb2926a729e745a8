/**
 * The port `vector store`, in Qdrant's words. `adapters/vectors/` provides the drivers (embedded, Qdrant) and the
 * one conformance suite that both pass. Distance is cosine; scores are cosine similarities.
 */

export type Payload = Readonly<Record<string, unknown>>;

export interface Point {
  /** Canonical UUID. */
  readonly id: string;
  /** As long as the collection's dimension. Stored normalised. */
  readonly vector: Float32Array;
  readonly payload: Payload;
}

export interface StoredPoint {
  readonly id: string;
  readonly payload?: Payload;
  readonly vector?: Float32Array;
}

export interface ScoredPoint extends StoredPoint {
  readonly score: number;
}

/** All of `must`, none of `must_not`, and at least one of `should` when there are any. */
export interface Filter {
  readonly must?: readonly Condition[];
  readonly should?: readonly Condition[];
  readonly must_not?: readonly Condition[];
}

/** `key` is a path into the payload, `a.b`; a condition on an array holds when any element matches. */
export type Condition =
  | { readonly key: string; readonly match: { readonly value: string | number | boolean } }
  | { readonly key: string; readonly match: { readonly any: readonly (string | number)[] } }
  /** Some value is none of these: strings only or integers only. */
  | { readonly key: string; readonly match: { readonly except: readonly (string | number)[] } }
  | {
      readonly key: string;
      /** Numbers, or RFC 3339 instants as strings. */
      readonly range: {
        readonly gt?: number | string;
        readonly gte?: number | string;
        readonly lt?: number | string;
        readonly lte?: number | string;
      };
    }
  | { readonly is_empty: { readonly key: string } }
  | { readonly has_id: readonly string[] }
  | Filter;

export interface CollectionSettings {
  readonly dimension: number;
  /** Payload members that filters use often. */
  readonly payloadIndexes?: Readonly<
    Record<string, "keyword" | "float" | "integer" | "datetime" | "bool">
  >;
}

export interface CollectionInfo {
  readonly name: string;
  readonly dimension: number;
  readonly points: number;
  /** `ready` answers at full recall; `loading` answers as soon as it can. */
  readonly state: "ready" | "loading";
}

export interface VectorQuery {
  readonly vector: Float32Array;
  readonly filter?: Filter;
  readonly limit: number;
  /** Points with this score or less are left out. */
  readonly score_threshold?: number;
  /** Default false. */
  readonly with_payload?: boolean;
  /** Default false. */
  readonly with_vector?: boolean;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

/** Every method rejects with `VectorStoreError` only. A collection may be named by an alias. */
export interface VectorStore {
  readonly driver: "embedded" | "qdrant";
  /** Does nothing if it exists with the same dimension; another dimension is an error. */
  createCollection(
    name: string,
    settings: CollectionSettings,
    options?: CallOptions,
  ): Promise<void>;
  /** Does nothing if it does not exist. Its aliases are removed too. */
  deleteCollection(name: string, options?: CallOptions): Promise<void>;
  collection(name: string, options?: CallOptions): Promise<CollectionInfo | undefined>;
  /** Atomic: no query sees one alias moved and another not. */
  switchAliases(aliases: Readonly<Record<string, string>>, options?: CallOptions): Promise<void>;
  aliases(options?: CallOptions): Promise<Readonly<Record<string, string>>>;
  /** Replaces points with the same id. Resolves when queries find them. */
  upsert(collection: string, points: readonly Point[], options?: CallOptions): Promise<void>;
  /** Sets these members of the payload, removes those given as null, and leaves the others. */
  setPayload(
    collection: string,
    change: { readonly ids: readonly string[]; readonly payload: Payload },
    options?: CallOptions,
  ): Promise<void>;
  delete(
    collection: string,
    which: { readonly ids: readonly string[] } | { readonly filter: Filter },
    options?: CallOptions,
  ): Promise<void>;
  /** In the requested order; unknown ids are left out. */
  retrieve(
    collection: string,
    ids: readonly string[],
    options?: CallOptions & { readonly with_payload?: boolean; readonly with_vector?: boolean },
  ): Promise<StoredPoint[]>;
  /** In the order of ids; `next` is the offset of the next page. */
  scroll(
    collection: string,
    page: {
      readonly filter?: Filter;
      readonly limit: number;
      readonly offset?: string;
      readonly with_vector?: boolean;
    },
    options?: CallOptions,
  ): Promise<{ readonly points: StoredPoint[]; readonly next: string | undefined }>;
  count(collection: string, filter?: Filter, options?: CallOptions): Promise<number>;
  /** Best first. */
  query(collection: string, query: VectorQuery, options?: CallOptions): Promise<ScoredPoint[]>;
  /** Rejects when the store does not answer. */
  ping(options?: CallOptions): Promise<{ readonly version: string }>;
  close(): Promise<void>;
}

export class VectorStoreError extends Error {
  override readonly name = "VectorStoreError";
  /** `over_limit`: the store has no room for the collection; the message says what to do. */
  readonly code:
    | "not_found"
    | "dimension_mismatch"
    | "invalid"
    | "over_limit"
    | "unavailable"
    | "timeout";
  /** The same call may succeed later. */
  readonly retryable: boolean;

  constructor(
    message: string,
    about: { readonly code: VectorStoreError["code"]; readonly cause?: unknown },
  ) {
    super(message, { cause: about.cause });
    this.code = about.code;
    this.retryable = about.code === "unavailable" || about.code === "timeout";
  }
}
