/**
 * Permissions: `<app>.<http_method>.<view_name>`, patterns with `*` for a whole segment, and the one
 * decision `revoked > extra > role > deny`. Pure: no clock, no store.
 */
const segment = "[a-z][a-z0-9_]{0,62}";
export const methods = ["get", "post", "put", "patch", "delete"] as const;
const method = `(?:${methods.join("|")})`;
const permissionGrammar = new RegExp(`^${segment}\\.${method}\\.${segment}$`);
const patternGrammar = new RegExp(`^(?:${segment}|\\*)\\.(?:${method}|\\*)\\.(?:${segment}|\\*)$`);

export interface Policy {
  readonly revoked: readonly string[];
  readonly extra: readonly string[];
  /** The patterns of the service's role. */
  readonly role: readonly string[];
}

/** Which rule decided. `pattern` is the most specific one of its kind that matches. */
export type Ruling =
  | {
      readonly allowed: boolean;
      readonly kind: "revoked" | "extra" | "role";
      readonly pattern: string;
    }
  | { readonly allowed: false; readonly kind: "none" };

export interface CompiledPolicy {
  /** One Map look-up for a permission that was checked before; anything but a permission name is denied. */
  decide(permission: string): boolean;
  explain(permission: string): Ruling;
}

export function isPermission(text: string): boolean {
  return permissionGrammar.test(text);
}

export function isPattern(text: string): boolean {
  return patternGrammar.test(text);
}

/** What is wrong with a pattern, for its author; undefined if it is valid. */
export function patternMistake(text: string): string | undefined {
  if (isPattern(text)) return undefined;
  const segments = text.split(".");
  if (segments.length !== 3) {
    return `has ${segments.length} segments; use <app>.<http_method>.<view_name>, e.g. events.post.event_ingest`;
  }
  if (segments.some((part) => part.includes("*") && part !== "*")) {
    return "has a * inside a segment; a * replaces a whole segment, e.g. analytics.get.*";
  }
  if (!new RegExp(`^(?:${method}|\\*)$`).test(segments[1] ?? "")) {
    return "has no HTTP method in the middle; use get, post, put, patch, delete or *";
  }
  return "has characters other than a-z, 0-9 and _, or a segment that does not start with a letter";
}

/** The order of the decision: the first kind with a matching pattern decides. */
const precedence = [
  { kind: "revoked", allowed: false },
  { kind: "extra", allowed: true },
  { kind: "role", allowed: true },
] as const;

const noRule: Ruling = { allowed: false, kind: "none" };

/** Checked names come from routes, so there are dozens; the bound protects against invented names. */
const rememberedDecisions = 4_096;

export function compilePolicy(policy: Policy): CompiledPolicy {
  const rules = precedence.map(({ kind, allowed }) => ({
    kind,
    allowed,
    patterns: new Set(policy[kind]),
  }));
  const decided = new Map<string, boolean>();

  const explain = (permission: string): Ruling => {
    const candidates = patternsMatching(permission);
    for (const { kind, allowed, patterns } of rules) {
      const pattern = candidates.find((candidate) => patterns.has(candidate));
      if (pattern !== undefined) return { allowed, kind, pattern };
    }
    return noRule;
  };

  return {
    explain,
    decide(permission) {
      const known = decided.get(permission);
      if (known !== undefined) return known;
      const { allowed } = explain(permission);
      if (decided.size >= rememberedDecisions) decided.clear();
      decided.set(permission, allowed);
      return allowed;
    },
  };
}

/** The eight patterns that match a permission, the most specific first; none for anything else. */
function patternsMatching(permission: string): readonly string[] {
  if (!isPermission(permission)) return [];
  const [app, verb, view] = permission.split(".");
  return [
    permission,
    `${app}.${verb}.*`,
    `${app}.*.${view}`,
    `*.${verb}.${view}`,
    `${app}.*.*`,
    `*.${verb}.*`,
    `*.*.${view}`,
    "*.*.*",
  ];
}
