/**
 * What the author of a change may change. A caller of the API changes only principals (services with
 * their keys and sessions, and roles) whose permissions it has, before the change and after it. So
 * no caller takes from a stronger principal, acts as one, or makes one. Reducing its own rights and
 * rotating its own keys are the cases in which caller and target are the same.
 */
import { missingPermission, policyOf } from "../../core/access/inclusion.ts";
import type { Policy } from "../../core/access/permission.ts";
import { WeirError } from "../../core/errors.ts";
import { obstacle, type ServiceEntry, type Snapshot } from "./snapshot.ts";

/** The author of a change, as written into the audit log. */
export type Actor =
  /** A process that reaches the database with the machine's own credentials may do everything. */
  | { readonly kind: "local"; readonly name: string }
  | {
      readonly kind: "key";
      /** `<service>/<key id>` */
      readonly name: string;
      readonly keyId: string;
      /** The permission of the route that was called. */
      readonly permission: string;
    };

export function localActor(name: string): Actor {
  return { kind: "local", name };
}

/** An attempt that the bounds refused. */
export interface Refusal {
  /** The service or role whose permissions the actor lacks. */
  readonly subject: string;
  readonly permission: string;
}

export interface Bounds {
  /** Needed to change a service or anything that is its own. @throws WeirError `forbidden` */
  demandService(service: ServiceEntry): void;
  /** Needed to change or assign a role. @throws WeirError `forbidden` */
  demandRole(name: string, permissions: readonly string[]): void;
  /**
   * Needed to grant a pattern to a service, even where a revocation hides it for now: who lifts the
   * revocation later would grant it without being asked. @throws WeirError `forbidden`
   */
  demandGrant(service: ServiceEntry, pattern: string): void;
  /** Every service that the change touched, as it was and as it is. @throws WeirError `forbidden` */
  demandChanges(before: Snapshot, after: Snapshot): void;
}

const unbounded: Bounds = {
  demandService() {},
  demandRole() {},
  demandGrant() {},
  demandChanges() {},
};

/**
 * The bounds of an actor according to the state in the change's own transaction: what the actor lost
 * a moment ago does not help it any more.
 * @throws WeirError `key_revoked`, `key_expired`, `forbidden`
 */
export function boundsOf(
  actor: Actor,
  before: Snapshot,
  onRefusal: (refusal: Refusal) => void,
): Bounds {
  if (actor.kind === "local") return unbounded;
  const { name: by } = actor;
  const holder = holderOf(actor, before);
  const refuse = (refusal: Refusal, detail: string): never => {
    onRefusal(refusal);
    throw new WeirError("forbidden", { permission: refusal.permission, detail });
  };
  const demandPolicy = (subject: string, policy: Policy) => {
    const permission = missingPermission(holder.policy, policy);
    if (permission === undefined) return;
    refuse(
      { subject, permission },
      `service "${subject}" has ${permission}, which ${by} lacks; a service can be changed only by callers that have all of its permissions, before and after the change`,
    );
  };
  if (!holder.policy.decide(actor.permission)) {
    refuse(
      { subject: holder.name, permission: actor.permission },
      `${by} does not have ${actor.permission} any more`,
    );
  }
  return {
    demandService: ({ name, policy }) => demandPolicy(name, policy),
    demandRole(name, permissions) {
      const permission = missingPermission(holder.policy, policyOf(permissions));
      if (permission === undefined) return;
      refuse(
        { subject: name, permission },
        `role "${name}" has ${permission}, which ${by} lacks; a role can be changed or assigned only by callers that have all of its permissions`,
      );
    },
    demandGrant({ name }, pattern) {
      const permission = missingPermission(holder.policy, policyOf([pattern]));
      if (permission === undefined) return;
      refuse(
        { subject: name, permission },
        `this would grant ${permission}, which ${by} lacks; permissions can be granted only by their holders`,
      );
    },
    demandChanges(earlier, later) {
      for (const id of touchedServices(earlier, later)) {
        for (const service of [earlier.services.get(id), later.services.get(id)]) {
          if (service !== undefined) demandPolicy(service.name, service.policy);
        }
      }
    },
  };
}

function holderOf(actor: Extract<Actor, { kind: "key" }>, { keys }: Snapshot): ServiceEntry {
  const key = keys.get(actor.keyId);
  const found = obstacle(key, Date.now());
  if (key === undefined || found !== undefined) {
    throw new WeirError(found === "expired" ? "key_expired" : "key_revoked");
  }
  return key.service;
}

/** Services that are new or gone, or whose rights, state or keys differ. */
function touchedServices(before: Snapshot, after: Snapshot): Set<number> {
  const touched = new Set<number>();
  for (const [id, service] of [...before.services, ...after.services]) {
    const [old, fresh] = [before.services.get(id), after.services.get(id)];
    if (old === undefined || fresh === undefined || !sameRights(old, fresh))
      touched.add(service.id);
  }
  for (const [id, key] of [...before.keys, ...after.keys]) {
    const [old, fresh] = [before.keys.get(id), after.keys.get(id)];
    const isSame = old?.revoked === fresh?.revoked && old?.expiresAt === fresh?.expiresAt;
    if (old === undefined || fresh === undefined || !isSame) touched.add(key.service.id);
  }
  return touched;
}

function sameRights(a: ServiceEntry, b: ServiceEntry): boolean {
  const rights = ({ role, roleExists, disabled, policy }: ServiceEntry) =>
    JSON.stringify([role, roleExists, disabled, policy.role, policy.extra, policy.revoked]);
  return rights(a) === rights(b);
}
