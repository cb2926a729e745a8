export * from "./analytics.ts";
export * from "./errors.ts";
export * from "./event.ts";
export * from "./frames.ts";
export type { Infer, Schema } from "./schema.ts";
export * as schema from "./schema.ts";
export * from "./search.ts";
export * from "./time-zone.ts";
