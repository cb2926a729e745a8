/** Requests of the main thread to the index worker, and their answers. The worker handles them in order. */
import type { Filter } from "../../../../core/ports/vector-store.ts";
import type { IndexHit, IndexQuery } from "./collection.ts";

/** A request's name, what is sent with it, what comes back. */
export interface Requests {
  /** Begins an empty collection, or one from its cache file. */
  open: [
    {
      readonly collectionId: number;
      readonly dimension: number;
      readonly declared: readonly string[];
      readonly cache: { readonly file: string; readonly identity: string } | undefined;
    },
    Opened,
  ];
  /** Points of a page; ids of 36 characters each, payloads a line each. */
  load: [{ readonly collectionId: number; readonly page: PointPage }, Size];
  change: [{ readonly collectionId: number; readonly changes: readonly IndexChange[] }, Size];
  query: [{ readonly collectionId: number; readonly query: IndexQuery }, IndexHit[]];
  count: [{ readonly collectionId: number; readonly filter: Filter }, number];
  save: [
    {
      readonly collectionId: number;
      readonly file: string;
      readonly identity: string;
      readonly position: string;
    },
    { readonly bytes: number },
  ];
  drop: [{ readonly collectionId: number }, undefined];
}

export type RequestName = keyof Requests;

export interface Opened {
  /** Of the cache file; undefined when the collection starts empty. */
  readonly position: string | undefined;
  /** Why a cache file that is there was not used. */
  readonly refused: string | undefined;
  readonly size: Size;
}

export interface Size {
  readonly points: number;
  readonly bytes: number;
}

export interface PointPage {
  readonly ids: string;
  /** float32 little endian, one after the other. */
  readonly vectors: ArrayBuffer;
  readonly payloads: string;
}

export interface IndexChange {
  readonly id: string;
  readonly vector: Float32Array | undefined;
  /** JSON text; undefined when it is deleted. */
  readonly payload: string | undefined;
}

export interface Request {
  readonly id: number;
  readonly name: RequestName;
  readonly body: unknown;
}

export type Reply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string };
