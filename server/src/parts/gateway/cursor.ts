/**
 * What a client continues a live feed with. Every instance understands it, because it names transactions
 * and nothing that one process has in memory.
 *
 * Events are delivered in rounds: from one position of the log to a later one, ordered by
 * (xid, event_id, service_id). A cursor between two rounds is `{ from }`; inside a round it also names
 * the round's end and the last event delivered: everything that `from` sees was delivered, and of what
 * `to` sees, all up to `last`.
 */
import type { EventPlace, LiveRange } from "../../core/ports/live-log.ts";
import { follows, isSound, type Position, sees } from "../../core/position.ts";

export interface Cursor {
  /** The server's, in which `from` and the round are valid; empty in a cursor of the previous version. */
  readonly incarnation: string;
  /**
   * Present when `from` outlives a crash: the byte of the write-ahead log that was on disk after `from` was
   * taken. The round never does.
   */
  readonly settled?: bigint | undefined;
  /** When `from` was taken, in milliseconds of trusted time: it bounds which days are read. */
  readonly at: number;
  readonly from: Position;
  readonly round?: { readonly to: Position; readonly last: EventPlace };
}

/** What is to be delivered next: the rest of the round, else a new one that ends at `end` or now. */
export function rangeAfter({ at, from, round }: Cursor, end?: Position): LiveRange {
  return { at, from, to: round?.to ?? end, after: round?.last };
}

const version = "2";
const previousVersion = "1";
const longest = 4096;
const mostInProgress = 2_000;

/** Opaque text for clients: base64url without padding. */
export function encodeCursor(cursor: Cursor): string {
  return encodeInRound(cursor)(cursor.round?.last);
}

/** As `encodeCursor` for the events of one round: what they share is written once. */
export function encodeInRound(
  cursor: Omit<Cursor, "round"> & { readonly round?: { readonly to: Position } },
) {
  const { incarnation, settled, at, from } = cursor;
  const head = [version, incarnation, settled?.toString(36) ?? "", at.toString(36), shorten(from)];
  const start = head.join("~");
  const inside = cursor.round === undefined ? "" : `${start}~${shorten(cursor.round.to)}~`;
  return (last: EventPlace | undefined): string => {
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
  const [head, ...parts] = bytes.toString("latin1").split("~");
  if (head === previousVersion) return readPlace(parts, { incarnation: "" });
  const [incarnation = "", settled = "", ...place] = parts;
  if (head !== version || !/^[0-9a-f]{16}$/.test(incarnation)) return undefined;
  if (settled === "") return readPlace(place, { incarnation });
  const byte = parseBase36(settled);
  return byte === undefined || byte >= 1n << 63n
    ? undefined
    : readPlace(place, { incarnation, settled: byte });
}

function readPlace(
  [at = "", from = "", to, xid = "", eventId = "", service = "", ...rest]: readonly string[],
  of: Pick<Cursor, "incarnation" | "settled">,
): Cursor | undefined {
  if (!/^(?:0|[1-9a-z][0-9a-z]{0,8})$/.test(at)) return undefined;
  const place = { ...of, at: Number.parseInt(at, 36), from: expand(from) };
  if (place.from === undefined) return undefined;
  if (to === undefined) return { ...place, from: place.from };
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
    ...place,
    from: place.from,
    round: { to: end, last: { ...last, xid: last.xid } },
  };
}

/** `xmin.span.gap,gap,...` in base 36: a position on a busy server is long otherwise. */
function shorten({ xmin, xmax, xip }: Position): string {
  let before = xmin;
  const gaps = xip.map((xid) => {
    const gap = xid - before;
    before = xid;
    return gap.toString(36);
  });
  return `${xmin.toString(36)}.${(xmax - xmin).toString(36)}.${gaps.join(",")}`;
}

function expand(text: string): Position | undefined {
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
  const position = { xmin, xmax: xmin + width, xip };
  return isSound(position) ? position : undefined;
}

function parseBase36(text: string): bigint | undefined {
  if (!/^(?:0|[1-9a-z][0-9a-z]{0,12})$/.test(text)) return undefined;
  let value = 0n;
  for (const digit of text) value = value * 36n + BigInt(Number.parseInt(digit, 36));
  return value;
}
