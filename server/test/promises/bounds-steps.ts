/** The changes of a random walk: what each needs according to the model, and what it leads to. */
import type { Administration } from "../../src/parts/auth/administration.ts";
import {
  type BoundsModel,
  type ModelService,
  only,
  type Rights,
  rightsOf,
} from "./bounds-model.ts";

export type Modules = typeof import("../../src/parts/auth/keys.ts") &
  typeof import("../../src/parts/auth/permissions.ts") &
  typeof import("../../src/parts/auth/roles.ts") &
  typeof import("../../src/parts/auth/services.ts") &
  typeof import("../../src/parts/auth/sessions.ts");

export interface Random {
  below(n: number): number;
  of<T>(items: readonly T[]): T;
  patterns(most: number): string[];
}

export interface Step {
  readonly what: string;
  readonly target: string;
  /** Rights that the caller must include. */
  readonly needed: readonly Rights[];
  run(by: Administration): Promise<unknown>;
  /** Applies it to the model. */
  apply(answer: unknown): void;
}

interface Choice {
  readonly model: BoundsModel;
  readonly modules: Modules;
  readonly random: Random;
  readonly n: number;
  readonly target: ModelService;
  readonly now: Rights;
  readonly kind: "extra" | "revoked";
  readonly role: string;
  readonly rolePatterns: readonly string[];
}

const steps: readonly ((choice: Choice) => Step | undefined)[] = [
  addPermission,
  removePermission,
  assignRole,
  toggle,
  createKey,
  revokeKey,
  replaceRole,
  createService,
  createLink,
];

/** A random change of a random target; never of the root, so that there is always an administrator. */
export function stepOf(model: BoundsModel, chosen: Pick<Choice, "random" | "modules" | "n">): Step {
  const { random } = chosen;
  const isTarget = (name: string) => !name.includes("root");
  for (;;) {
    const target = random.of([...model.services.values()].filter(({ name }) => isTarget(name)));
    const role = random.of([...model.roles.keys()].filter(isTarget));
    const step = random.of(steps)({
      ...chosen,
      model,
      target,
      now: rightsOf(model, target),
      kind: random.of(["extra", "revoked"]),
      role,
      rolePatterns: model.roles.get(role) ?? [],
    });
    if (step !== undefined) return step;
  }
}

function addPermission({ random, modules, target, now, kind }: Choice): Step {
  const permission = random.patterns(3)[0] ?? "events.get.a";
  const after = [...new Set([...target[kind], permission])];
  return {
    what: `add ${kind} ${permission}`,
    target: target.name,
    needed: [now, { ...now, [kind]: after }, ...(kind === "extra" ? [only([permission])] : [])],
    run: (by) => modules.addPermission(by, { service: target.name, permission, kind }),
    apply() {
      target[kind] = after;
    },
  };
}

function removePermission({ modules, target, now, kind }: Choice): Step | undefined {
  const permission = target[kind][0];
  if (permission === undefined) return undefined;
  const after = target[kind].filter((one) => one !== permission);
  return {
    what: `remove ${kind} ${permission}`,
    target: target.name,
    needed: [now, { ...now, [kind]: after }, ...(kind === "revoked" ? [only([permission])] : [])],
    run: (by) => modules.removePermission(by, { service: target.name, permission, kind }),
    apply() {
      target[kind] = after;
    },
  };
}

function assignRole({ modules, target, now, role, rolePatterns }: Choice): Step {
  const isNew = role !== target.role;
  return {
    what: `assign ${role}`,
    target: target.name,
    needed: [now, { ...now, role: rolePatterns }, ...(isNew ? [only(rolePatterns)] : [])],
    run: (by) => modules.updateService(by, target.name, { role }),
    apply() {
      target.role = role;
    },
  };
}

function toggle({ modules, target, now }: Choice): Step {
  const disabled = !target.disabled;
  return {
    what: disabled ? "disable" : "enable",
    target: target.name,
    needed: [now],
    run: (by) => modules.updateService(by, target.name, { disabled }),
    apply() {
      target.disabled = disabled;
    },
  };
}

function createKey({ modules, target, now }: Choice): Step {
  return {
    what: "create a key",
    target: target.name,
    needed: [now],
    run: (by) => modules.createKey(by, { service: target.name }),
    apply(answer) {
      target.keys.push({ id: (answer as { id: string }).id, revoked: false });
    },
  };
}

function revokeKey({ modules, random, target, now }: Choice): Step | undefined {
  if (target.keys.length === 0) return undefined;
  const key = random.of(target.keys);
  return {
    what: "revoke a key",
    target: target.name,
    needed: [now],
    run: (by) => modules.revokeKey(by, key.id),
    apply() {
      key.revoked = true;
    },
  };
}

function replaceRole({ model, modules, random, role, rolePatterns }: Choice): Step {
  const permissions = random.patterns(4);
  const isChanged = permissions.join() !== rolePatterns.join();
  const holders = [...model.services.values()].filter((one) => isChanged && one.role === role);
  const affected = holders.flatMap((one) => {
    const rights = rightsOf(model, one);
    return [rights, { ...rights, role: permissions }];
  });
  return {
    what: `replace ${role} by ${permissions.join(" ")}`,
    target: role,
    needed: [only(rolePatterns), only(permissions), ...affected],
    run: (by) => modules.replaceRole(by, { name: role, permissions }),
    apply() {
      model.roles.set(role, permissions);
    },
  };
}

function createService({ model, modules, n, role, rolePatterns }: Choice): Step {
  const name = `new-${n}`;
  return {
    what: `create with ${role}`,
    target: name,
    needed: [only(rolePatterns)],
    run: (by) => modules.createService(by, { name, role }),
    apply() {
      const none = { extra: [], revoked: [], disabled: false, keys: [] };
      model.services.set(name, { name, role, ...none });
    },
  };
}

function createLink({ modules, target, now }: Choice): Step | undefined {
  const isUsable = !target.disabled && target.keys.some(({ revoked }) => !revoked);
  if (!isUsable) return undefined;
  return {
    what: "create a sign-in link",
    target: target.name,
    needed: [now],
    run: (by) => modules.createSigninLink(by, { service: target.name }),
    apply() {},
  };
}
