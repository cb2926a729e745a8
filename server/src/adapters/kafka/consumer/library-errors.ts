/** What the errors of the client library say, in any nesting. */

interface Nested {
  readonly apiId?: unknown;
  readonly errors?: unknown;
  readonly cause?: unknown;
}

/** Whether the broker answered with one of these codes, such as `OFFSET_OUT_OF_RANGE`. */
export function brokerSays(error: unknown, ...codes: readonly string[]): boolean {
  if (typeof error !== "object" || error === null) return false;
  const { apiId, errors, cause } = error as Nested;
  if (typeof apiId === "string" && codes.includes(apiId)) return true;
  const inner = Array.isArray(errors) ? [...errors, cause] : [cause];
  return inner.some((one) => brokerSays(one, ...codes));
}

/** The leader of a partition has moved, or is being elected. */
export const leaderMoved = [
  "NOT_LEADER_OR_FOLLOWER",
  "LEADER_NOT_AVAILABLE",
  "FENCED_LEADER_EPOCH",
  "UNKNOWN_LEADER_EPOCH",
  "OFFSET_NOT_AVAILABLE",
] as const;

/** This member is no longer in the group, or the group is about to change. */
export const fencedCodes = [
  "ILLEGAL_GENERATION",
  "UNKNOWN_MEMBER_ID",
  "FENCED_INSTANCE_ID",
  "REBALANCE_IN_PROGRESS",
] as const;
