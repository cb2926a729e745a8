/**
 * A log reader's place in the raw log: PostgreSQL's `pg_snapshot`, which says which transactions had ended.
 * `xmin:xmax:xip,...`; a transaction is seen when it is below xmax and not in xip. Ids are 64 bit and never wrap.
 */
export interface Position {
  readonly xmin: bigint;
  readonly xmax: bigint;
  /** In progress at that time, ascending. */
  readonly xip: readonly bigint[];
}

/** Undefined when the text is not a snapshot as PostgreSQL writes it. */
export function parsePosition(text: string): Position | undefined {
  const parts = /^([1-9]\d{0,18}):([1-9]\d{0,18}):((?:[1-9]\d{0,18}(?:,[1-9]\d{0,18})*)?)$/.exec(
    text,
  );
  if (parts === null) return undefined;
  const [, min = "", max = "", list = ""] = parts;
  const position = {
    xmin: BigInt(min),
    xmax: BigInt(max),
    xip: list === "" ? [] : list.split(",").map(BigInt),
  };
  return isSound(position) ? position : undefined;
}

export function formatPosition({ xmin, xmax, xip }: Position): string {
  return `${xmin}:${xmax}:${xip.join(",")}`;
}

/** PostgreSQL's own rules: xmin <= xmax < 2^63, xip ascending and within. */
export function isSound({ xmin, xmax, xip }: Position): boolean {
  if (xmin < 1n || xmin > xmax || xmax >= 1n << 63n) return false;
  let before = xmin - 1n;
  for (const xid of xip) {
    if (xid <= before || xid >= xmax) return false;
    before = xid;
  }
  return true;
}

/** Whether transaction `xid` had ended, if it committed at all. */
export function sees(position: Position, xid: bigint): boolean {
  if (xid < position.xmin) return true;
  return xid < position.xmax && !position.xip.includes(xid);
}

/** Whether `later` can be a snapshot of the same server taken at or after `earlier`. */
export function follows(later: Position, earlier: Position): boolean {
  return later.xmin >= earlier.xmin && later.xmax >= earlier.xmax;
}
