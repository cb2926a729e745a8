/**
 * A place in the live feed that every instance understands, because it names transactions and not
 * positions in somebody's memory.
 *
 * Events are delivered in steps: from one snapshot to the next, ordered by (xid, event_id). A place
 * between steps is `{ from }`; inside a step it also names the step's end and the last event had:
 * everything that `from` sees was delivered, and of what `to` sees, all up to `last`.
 */
import { follows, isSound, type Snapshot, sees } from "./snapshot.ts";

export interface LastEvent {
  readonly xid: bigint;
  /** Canonical UUID. */
  readonly eventId: string;
  readonly serviceId: number;
}

export interface Cursor {
  /** When `from` was taken, by the database's clock, in milliseconds: bounds which days are read. */
  readonly at: number;
  readonly from: Snapshot;
  readonly step?: { readonly to: Snapshot; readonly last: LastEvent };
}

const version = "1";
const longest = 4096;
const mostInProgress = 2_000;

/** Opaque text for clients: base64url without padding. */
export function encodeCursor(cursor: Cursor): string {
  return encodeInStep(cursor)(cursor.step?.last);
}

/** As `encodeCursor` for the events of one step: what they share is written once. */
export function encodeInStep(
  cursor: Pick<Cursor, "at" | "from"> & { readonly step?: { readonly to: Snapshot } },
) {
  const head = [version, cursor.at.toString(36), shorten(cursor.from)];
  const start = head.join("~");
  const inside = cursor.step === undefined ? "" : `${start}~${shorten(cursor.step.to)}~`;
  return (last: LastEvent | undefined): string => {
    const text =
      last === undefined
        ? start
        : `${inside}${last.xid.toString(36)}~${last.eventId}~${last.serviceId.toString(36)}`;
    return Buffer.from(text, "latin1").toString("base64url");
  };
}

/** Undefined for everything that `encodeCursor` did not write. */
export function decodeCursor(text: string): Cursor | undefined {
  if (text.length > longest || !/^[A-Za-z0-9_-]+$/.test(text)) return undefined;
  const bytes = Buffer.from(text, "base64url");
  // several texts decode to the same bytes; only one of them is ours
  if (bytes.toString("base64url") !== text) return undefined;
  const [head, at = "", from = "", to, xid = "", eventId = "", service = "", ...rest] = bytes
    .toString("latin1")
    .split("~");
  if (head !== version || !/^(?:0|[1-9a-z][0-9a-z]{0,8})$/.test(at)) return undefined;
  const place = { at: Number.parseInt(at, 36), from: expand(from) };
  if (place.from === undefined) return undefined;
  if (to === undefined) return { at: place.at, from: place.from };
  const last = {
    xid: parseBase36(xid),
    eventId,
    serviceId: Number.parseInt(service, 36),
  };
  const end = expand(to);
  const sound =
    rest.length === 0 &&
    end !== undefined &&
    last.xid !== undefined &&
    /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(eventId) &&
    /^[1-9a-z][0-9a-z]{0,5}$/.test(service) &&
    last.serviceId < 2 ** 31 &&
    follows(end, place.from) &&
    sees(end, last.xid) &&
    !sees(place.from, last.xid);
  if (!sound || end === undefined || last.xid === undefined) return undefined;
  return {
    at: place.at,
    from: place.from,
    step: { to: end, last: { ...last, xid: last.xid } },
  };
}

/** `xmin.span.gap,gap,...` in base 36: a snapshot of a busy server is long otherwise. */
function shorten({ xmin, xmax, xip }: Snapshot): string {
  let before = xmin;
  const gaps = xip.map((xid) => {
    const gap = xid - before;
    before = xid;
    return gap.toString(36);
  });
  return `${xmin.toString(36)}.${(xmax - xmin).toString(36)}.${gaps.join(",")}`;
}

function expand(text: string): Snapshot | undefined {
  const parts = /^([0-9a-z]{1,13})\.([0-9a-z]{1,13})\.([0-9a-z,]*)$/.exec(text);
  if (parts === null) return undefined;
  const [, min = "", span = "", list = ""] = parts;
  const gaps = list === "" ? [] : list.split(",");
  if (gaps.length > mostInProgress) return undefined;
  const xmin = parseBase36(min);
  const width = parseBase36(span);
  if (xmin === undefined || width === undefined) return undefined;
  let before = xmin;
  const xip: bigint[] = [];
  for (const gap of gaps) {
    const step = parseBase36(gap);
    if (step === undefined) return undefined;
    before += step;
    xip.push(before);
  }
  const snapshot = { xmin, xmax: xmin + width, xip };
  return isSound(snapshot) ? snapshot : undefined;
}

function parseBase36(text: string): bigint | undefined {
  if (!/^(?:0|[1-9a-z][0-9a-z]{0,12})$/.test(text)) return undefined;
  let value = 0n;
  for (const digit of text) value = value * 36n + BigInt(Number.parseInt(digit, 36));
  return value;
}
