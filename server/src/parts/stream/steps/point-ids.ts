import { uuidOfText } from "../../../core/uuid.ts";

const keptIds = 50_000;
let pointIds = new Map<string, string>();
/** The generation before: ids that are still in use move on, the rest is dropped at once. */
let olderIds = new Map<string, string>();

/** The id of a product's or a user's point. Cached: hashing every key of every event costs more. */
export function pointIdOf(key: string): string {
  let id = pointIds.get(key);
  if (id === undefined) {
    id = olderIds.get(key) ?? uuidOfText(key);
    if (pointIds.size >= keptIds) {
      olderIds = pointIds;
      pointIds = new Map();
    }
    pointIds.set(key, id);
  }
  return id;
}
