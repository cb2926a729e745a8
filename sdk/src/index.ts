export { createClient } from "./client.ts";
export {
  type Client,
  type ClientEvent,
  type ClientOptions,
  type ClientStats,
  type Drop,
  DroppedError,
  type DropReason,
  type EventStore,
  RefusedError,
  type RetryNotice,
  type StoredEvent,
} from "./types.ts";
export { uuidV7 } from "./uuid-v7.ts";
