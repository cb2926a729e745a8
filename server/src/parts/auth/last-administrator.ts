/** No change may leave an installation without an administrator. */
import { missingPermission, policyOf } from "../../core/access/inclusion.ts";
import { WeirError } from "../../core/errors.ts";
import type { Actor } from "./bounds.ts";
import { obstacle, type ServiceEntry, type Snapshot } from "./snapshot.ts";

/** The permissions needed to grant permissions; at least one usable key must always have them all. */
const repairPermissions = [
  "auth.post.key_create",
  "auth.patch.service_update",
  "auth.put.role_replace",
  "auth.post.permission_change",
  "auth.delete.permission_remove",
];
const everything = policyOf(["*.*.*"]);
/** A last key that ends sooner would lock people out while they believe that all is well. */
const leastRemainingMs = 24 * 3_600_000;

interface Rank {
  holds(service: ServiceEntry): boolean;
  readonly what: string;
  /** Whether the command line may remove the last one: it makes a new one when it has to. */
  readonly byApiOnly: boolean;
}

const ranks: readonly Rank[] = [
  {
    holds: ({ policy }) => repairPermissions.every((permission) => policy.decide(permission)),
    what: "can administer permissions",
    byApiOnly: false,
  },
  {
    holds: ({ policy }) => missingPermission(policy, everything) === undefined,
    what: "has every permission, so that some permissions could not be granted any more",
    byApiOnly: true,
  },
];

/**
 * Of each rank there must be a usable key of this environment for at least another day, if there was
 * one before. @throws WeirError `invalid_request`
 */
export function demandAdministrator(
  { actor, env }: { readonly actor: Actor; readonly env: string },
  before: Snapshot,
  after: Snapshot,
): void {
  const now = Date.now();
  for (const rank of ranks) {
    if (rank.byApiOnly && actor.kind === "local") continue;
    const earlier = usableUntil(before, { rank, env, now });
    const later = usableUntil(after, { rank, env, now });
    if (later >= Math.min(earlier, now + leastRemainingMs)) continue;
    throw new WeirError("invalid_request", {
      detail: `this would leave no usable key that ${rank.what}; first give another service the role admin and a key that lasts at least a day`,
    });
  }
}

/** When the last key of a rank ends; negative infinity without one. */
function usableUntil(
  { keys }: Snapshot,
  { rank, env, now }: { readonly rank: Rank; readonly env: string; readonly now: number },
): number {
  let until = Number.NEGATIVE_INFINITY;
  const known = new Map<ServiceEntry, boolean>();
  for (const key of keys.values()) {
    if (key.env !== env || key.expiresAt <= until) continue;
    if (obstacle(key, now) !== undefined) continue;
    const holds = known.get(key.service) ?? rank.holds(key.service);
    known.set(key.service, holds);
    if (holds) until = key.expiresAt;
  }
  return until;
}
