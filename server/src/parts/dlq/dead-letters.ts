/** Reading dead letters, for the routes and the command line. */
import { isUtf8 } from "node:buffer";
import { WeirError } from "../../core/errors.ts";
import type { Queryable } from "../../core/ports/database.ts";
import { type DeadLetterFilter, filterValues, matchesFilter } from "./filter.ts";
import type { DeadLetterState } from "./ports.ts";
import type { Content, DeadLetter, DeadLetterPage, Groups, WholeDeadLetter } from "./schemas.ts";

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const letterColumns = `l.id, l.part, l.source_key, l.source, l.reason, l.error, l.content_type, l.user_key,
  l.attempts, l.first_at, l.last_at, l.state, l.resolved_at, l.edited is not null as edited, l.bytes, l.replay_id`;

interface DeadLetterRow extends Omit<DeadLetter, "first_at" | "last_at" | "resolved_at"> {
  readonly first_at: Date;
  readonly last_at: Date;
  readonly resolved_at: Date | null;
}

/** Most recent failure first. @throws WeirError `unanswerable_query` for a cursor that is not from here */
export async function listDeadLetters(
  connection: Queryable,
  filter: DeadLetterFilter,
  page: { readonly limit: number; readonly cursor?: string },
): Promise<DeadLetterPage> {
  const after = readCursor(page.cursor);
  const rows = await connection.query<DeadLetterRow & { last_us: string }>({
    text: `select ${letterColumns}, (extract(epoch from l.last_at) * 1000000)::bigint as last_us
           from dlq.letters l
           where ${matchesFilter}
             and ($8::bigint is null
               or (l.last_at, l.id) < ('epoch'::timestamptz + $8 * interval '1 microsecond', $9::uuid))
           order by l.last_at desc, l.id desc limit $10`,
    values: [...filterValues(filter), after?.lastUs ?? null, after?.id ?? null, page.limit + 1],
  });
  const shown = rows.slice(0, page.limit);
  const last = rows.length > page.limit ? shown.at(-1) : undefined;
  return {
    letters: shown.map(({ last_us: _, ...row }) => toDeadLetter(row)),
    next_cursor: last === undefined ? null : writeCursor(last.last_us, last.id),
  };
}

/** Counts by part, reason and state, largest first. */
export async function groupDeadLetters(
  connection: Queryable,
  filter: DeadLetterFilter,
): Promise<Groups> {
  const rows = await connection.query<{
    part: string;
    reason: string;
    state: DeadLetterState;
    letters: number;
    first_at: Date;
    last_at: Date;
  }>({
    text: `select part, reason, state, count(*)::int as letters, min(first_at) as first_at, max(last_at) as last_at
           from dlq.letters l where ${matchesFilter}
           group by part, reason, state order by letters desc, part, reason, state limit 1000`,
    values: filterValues(filter),
  });
  return {
    groups: rows.map((row) => ({
      ...row,
      first_at: row.first_at.toISOString(),
      last_at: row.last_at.toISOString(),
    })),
  };
}

/** How many dead letters a replay or discard with this filter would change. */
export async function countDeadLetters(
  connection: Queryable,
  filter: DeadLetterFilter,
): Promise<number> {
  const [row] = await connection.query<{ letters: number }>({
    text: `select count(*)::int as letters from dlq.letters l where ${matchesFilter}`,
    values: filterValues({ ...filter, state: filter.state ?? "open" }),
  });
  return row?.letters ?? 0;
}

/** @throws WeirError `not_found` */
export async function readDeadLetter(connection: Queryable, id: string): Promise<WholeDeadLetter> {
  const [row] = await connection.query<
    DeadLetterRow & { readonly original: Buffer; readonly edition: Buffer | null }
  >({
    text: `select ${letterColumns}, l.original, l.edited as edition from dlq.letters l where l.id = $1`,
    values: [validId(id)],
  });
  if (row === undefined) throw notFound(id);
  const { original, edition, ...letter } = row;
  return {
    ...toDeadLetter(letter),
    original: toContent(original),
    edition: edition === null ? null : toContent(edition),
  };
}

/** @throws WeirError `not_found` for a text that is no id: PostgreSQL would fail on it */
export function validId(id: string): string {
  if (!uuid.test(id)) throw notFound(id);
  return id;
}

export function notFound(id: string): WeirError {
  return new WeirError("not_found", {
    detail: `there is no dead letter with the id "${id.slice(0, 80)}"`,
  });
}

function toDeadLetter(row: DeadLetterRow): DeadLetter {
  return {
    ...row,
    first_at: row.first_at.toISOString(),
    last_at: row.last_at.toISOString(),
    resolved_at: row.resolved_at?.toISOString() ?? null,
  };
}

function toContent(bytes: Buffer): Content {
  return isUtf8(bytes)
    ? { encoding: "utf8", data: bytes.toString("utf8") }
    : { encoding: "base64", data: bytes.toString("base64") };
}

function writeCursor(lastUs: string, id: string): string {
  return Buffer.from(`${lastUs} ${id}`).toString("base64url");
}

function readCursor(cursor: string | undefined): { lastUs: string; id: string } | undefined {
  if (cursor === undefined) return undefined;
  const [lastUs = "", id = ""] = Buffer.from(cursor, "base64url").toString("utf8").split(" ");
  if (!/^\d{1,17}$/.test(lastUs) || !uuid.test(id)) {
    throw new WeirError("unanswerable_query", {
      detail: "cursor: send next_cursor of the previous page of results, unchanged",
    });
  }
  return { lastUs, id };
}
