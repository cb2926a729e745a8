/** Random changes by random callers, each compared with the model of `bounds-model.ts`. */
import { join } from "node:path";
import { createRandomBits } from "../../src/core/random.ts";
import type { TestAuth } from "../helpers/auth.ts";
import {
  type BoundsModel,
  createBoundsModel,
  only,
  type Rights,
  rightsOf,
  setOf,
} from "./bounds-model.ts";
import { type Modules, type Random, stepOf } from "./bounds-steps.ts";

/** The functions of `parts/auth/`, of this checkout or of a mutated build. */
export async function realModules(
  folder = join(import.meta.dirname, "../../src/parts/auth"),
): Promise<Modules> {
  const names = ["keys", "permissions", "roles", "services", "sessions"];
  const modules = await Promise.all(names.map((name) => import(join(folder, `${name}.ts`))));
  return Object.assign({}, ...modules);
}

interface Walk {
  readonly auth: TestAuth;
  readonly modules: Modules;
  readonly changes: number;
  readonly seed: number;
}

export interface WalkOutcome {
  readonly allowed: number;
  readonly refused: number;
  /** The first change that was not answered as the model says. */
  readonly mistake: string | undefined;
}

export async function walkOf({ auth, modules, changes, seed }: Walk): Promise<WalkOutcome> {
  const random = randomChoices(seed);
  const counts = { allowed: 0, refused: 0 };
  let model: BoundsModel | undefined;
  for (let n = 0; n < changes; n++) {
    if (model === undefined || n % 40 === 0) model = await freshModel(auth, random, n);
    const callers = [...model.services.values()].filter(
      (service) => !service.disabled && service.keys.some(({ revoked }) => !revoked),
    );
    const caller = random.of(callers);
    const rights = rightsOf(model, caller);
    const permission = [...setOf(rights)][0];
    if (permission === undefined) continue;
    const step = stepOf(model, { random, modules, n });
    const isAllowed = step.needed.every((needed) => setOf(needed).isSubsetOf(setOf(rights)));
    const actor = model.actorOf(caller.name, permission);
    const since = await lastAudit(auth);
    const { answer, code, missing } = await step.run({ ...auth.administration, actor }).then(
      (given: unknown) => ({ answer: given, code: undefined, missing: undefined }),
      (error: { code?: string; options?: { permission?: string } }) => ({
        answer: undefined,
        code: error.code ?? String(error),
        missing: error.options?.permission,
      }),
    );
    const name = `${step.what} on ${step.target} by ${caller.name} (change ${n})`;
    const mistake = (about: string) => ({ ...counts, mistake: `${name}: ${about}` });
    if (isAllowed) {
      counts.allowed++;
      if (code !== undefined) return mistake(`refused with ${code}, missing ${missing}`);
      step.apply(answer);
    } else {
      counts.refused++;
      if (code !== "forbidden") return mistake(`answered ${code ?? "as allowed"}`);
      if (!lacks(rights, missing)) return mistake(`names ${missing}, which the caller has`);
      if (!(await isRecorded(auth, { since, actor: actor.name, missing })))
        return mistake("is not in the audit log");
    }
    const different = await differenceOf(auth, model);
    if (different !== undefined) return mistake(different);
  }
  return { ...counts, mistake: undefined };
}

function randomChoices(seed: number): Random {
  const bits = createRandomBits(seed);
  const below = (n: number) => bits() % n;
  const of = <T>(items: readonly T[]): T => items[below(items.length)] as T;
  const pattern = () =>
    [
      of(["auth", "events", "events", "*"]),
      of(["get", "get", "post", "*"]),
      of(["a", "a", "b", "*"]),
    ].join(".");
  const patterns = (most: number) => [...new Set(Array.from({ length: below(most + 1) }, pattern))];
  return { below, of, patterns };
}

/** Four services with random rights, one with all, and an administrator that no step touches. */
async function freshModel(auth: TestAuth, random: Random, n: number): Promise<BoundsModel> {
  const wanted = new Map<string, Rights>();
  wanted.set(`root-${n}`, { role: ["*.*.*"], extra: [], revoked: [] });
  wanted.set(`boss-${n}`, { role: ["*.*.*"], extra: [], revoked: random.patterns(1) });
  for (const name of ["one", "two", "three"]) {
    const [role, extra, revoked] = [random.patterns(4), random.patterns(2), random.patterns(1)];
    wanted.set(`${name}-${n}`, { role, extra, revoked });
  }
  return createBoundsModel(auth, wanted);
}

/** Whether the named permission is one that the caller does not have; `*` stands for any segment. */
function lacks(rights: Rights, missing: string | undefined): boolean {
  if (missing === undefined) return false;
  return !setOf(only([missing])).isSubsetOf(setOf(rights));
}

async function lastAudit({ app }: TestAuth): Promise<string> {
  const [row] = await app.query<{ id: string }>({
    text: "select coalesce(max(id), 0)::text as id from auth.audit_log",
  });
  return row?.id ?? "0";
}

async function isRecorded(
  { app }: TestAuth,
  refused: { readonly since: string; readonly actor: string; readonly missing: string | undefined },
): Promise<boolean> {
  const rows = await app.query<{ action: string; actor: string; missing: string }>({
    text: `select action, actor, detail->>'missing_permission' as missing
           from auth.audit_log where id > $1::bigint`,
    values: [refused.since],
  });
  const [row] = rows;
  return (
    rows.length === 1 &&
    row?.action.endsWith(".refused") === true &&
    row.actor === refused.actor &&
    row.missing === refused.missing
  );
}

/** What the database has otherwise than the model. */
async function differenceOf({ app }: TestAuth, model: BoundsModel): Promise<string | undefined> {
  const rows = await app.query<Rights & { name: string; disabled: boolean; usable: number }>({
    text: `select s.name, s.disabled_at is not null as disabled, r.permissions::text[] as role,
             array(select permission::text from auth.extra_permissions where service_id = s.id) as extra,
             array(select permission::text from auth.revoked_permissions where service_id = s.id) as revoked,
             (select count(*)::int from auth.keys where service_id = s.id and revoked_at is null) as usable
           from auth.services s left join auth.roles r on r.name = s.role`,
  });
  for (const service of model.services.values()) {
    const row = rows.find(({ name }) => name === service.name);
    const usable = service.keys.filter(({ revoked }) => !revoked).length;
    const same =
      row !== undefined &&
      row.disabled === service.disabled &&
      row.usable === usable &&
      [...setOf(row)].join() === [...setOf(rightsOf(model, service))].join();
    if (!same) return `${service.name} is ${JSON.stringify(row)}, not ${JSON.stringify(service)}`;
  }
  return undefined;
}
