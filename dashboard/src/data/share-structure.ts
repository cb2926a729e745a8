/**
 * The newer JSON value, with every part that equals the older one replaced by the older part itself.
 * An unchanged answer is then the same object, and nothing that shows it is rendered again.
 */
export function shareStructure<T>(older: unknown, newer: T): T {
  return share(older, newer) as T;
}

function share(older: unknown, newer: unknown): unknown {
  if (Object.is(older, newer)) return older;
  if (Array.isArray(older) && Array.isArray(newer)) return shareArray(older, newer);
  if (isRecord(older) && isRecord(newer)) return shareRecord(older, newer);
  return newer;
}

function shareArray(older: readonly unknown[], newer: readonly unknown[]): readonly unknown[] {
  let same = older.length === newer.length;
  const shared = newer.map((value, index) => {
    const part = share(older[index], value);
    if (part !== older[index]) same = false;
    return part;
  });
  return same ? older : shared;
}

function shareRecord(older: Record<string, unknown>, newer: Record<string, unknown>): unknown {
  const names = Object.keys(newer);
  let same = names.length === Object.keys(older).length;
  const shared: Record<string, unknown> = {};
  for (const name of names) {
    shared[name] = share(older[name], newer[name]);
    if (!Object.hasOwn(older, name) || shared[name] !== older[name]) same = false;
  }
  return same ? older : shared;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
