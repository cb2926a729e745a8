/** Reading, mending and discarding dead letters; used by the routes and the command line alike. */
import { isUtf8 } from "node:buffer";
import { WeirError } from "../../core/errors.ts";
import type { Database, Queryable } from "../../core/ports/database.ts";
import { filterValues, type LetterFilter, matchesFilter } from "./filter.ts";
import type { LetterState, Validators, WriteAudit } from "./ports.ts";
import type { Content, Groups, Letter, LetterPage, WholeLetter } from "./schemas.ts";

/** Who changes something, and how that is noted. */
export interface Change {
  readonly database: Database;
  readonly actor: string;
  readonly audit: WriteAudit;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const letterColumns = `l.id, l.part, l.source_key, l.source, l.reason, l.error, l.content_type, l.user_key,
  l.attempts, l.first_at, l.last_at, l.state, l.resolved_at, l.edited is not null as edited, l.bytes, l.replay_id`;

interface LetterRow extends Omit<Letter, "first_at" | "last_at" | "resolved_at"> {
  readonly first_at: Date;
  readonly last_at: Date;
  readonly resolved_at: Date | null;
}

/** Those that failed last come first. @throws WeirError `invalid_query` for a cursor not from here */
export async function listLetters(
  connection: Queryable,
  filter: LetterFilter,
  page: { readonly limit: number; readonly cursor?: string },
): Promise<LetterPage> {
  const after = readCursor(page.cursor);
  const rows = await connection.query<LetterRow & { last_us: string }>({
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
    letters: shown.map(({ last_us: _, ...row }) => asLetter(row)),
    next_cursor: last === undefined ? null : writeCursor(last.last_us, last.id),
  };
}

/** How many of which reason, the most first. */
export async function groupLetters(connection: Queryable, filter: LetterFilter): Promise<Groups> {
  const rows = await connection.query<{
    part: string;
    reason: string;
    state: LetterState;
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

/** What a replay or discard with this filter would take. */
export async function countLetters(connection: Queryable, filter: LetterFilter): Promise<number> {
  const [row] = await connection.query<{ letters: number }>({
    text: `select count(*)::int as letters from dlq.letters l where ${matchesFilter}`,
    values: filterValues({ ...filter, state: filter.state ?? "open" }),
  });
  return row?.letters ?? 0;
}

/** @throws WeirError `not_found` */
export async function readLetter(connection: Queryable, id: string): Promise<WholeLetter> {
  const [row] = await connection.query<
    LetterRow & { readonly original: Buffer; readonly edition: Buffer | null }
  >({
    text: `select ${letterColumns}, l.original, l.edited as edition from dlq.letters l where l.id = $1`,
    values: [knownForm(id)],
  });
  if (row === undefined) throw noLetter(id);
  const { original, edition, ...letter } = row;
  return {
    ...asLetter(letter),
    original: asContent(original),
    edition: edition === null ? null : asContent(edition),
  };
}

/**
 * Keeps `bytes` as what a replay takes; the original stays. The original's own bytes undo an edition.
 * @throws WeirError `not_found`; `invalid_request` when the part's validator refuses the bytes, and for
 *   a letter that is being replayed or is resolved
 */
export async function editLetter(
  { database, actor, audit }: Change,
  { id, bytes, validators }: { id: string; bytes: Buffer; validators: Validators },
): Promise<WholeLetter> {
  return database.transaction(async (connection) => {
    const [letter] = await connection.query<
      Pick<LetterRow, "part" | "state" | "source" | "content_type"> & { previous: number | null }
    >({
      text: `select part, state, source, content_type, octet_length(edited) as previous
             from dlq.letters where id = $1 for update`,
      values: [knownForm(id)],
    });
    if (letter === undefined) throw noLetter(id);
    if (letter.state === "replaying" || letter.state === "resolved") {
      throw new WeirError("invalid_request", {
        detail: `the letter is ${letter.state}; only an open or discarded one can be edited`,
      });
    }
    const problem = (validators[letter.part] ?? validateContent)(bytes, letter);
    if (problem !== undefined) {
      throw new WeirError("invalid_request", {
        detail: problem,
        errors: [{ pointer: "", detail: problem }],
      });
    }
    await connection.query({
      text: "update dlq.letters set edited = nullif($2::bytea, original) where id = $1",
      values: [id, bytes],
    });
    const detail = { bytes: bytes.length, previous_edition_bytes: letter.previous };
    await audit(connection, { actor, action: "dlq.edit", subject: `letter:${id}`, detail });
    return readLetter(connection, id);
  });
}

/** For parts without a validator of their own: JSON stays JSON. */
function validateContent(
  bytes: Buffer,
  { content_type }: { readonly content_type: string },
): string | undefined {
  if (!/[/+]json\b/.test(content_type)) return undefined;
  if (!isUtf8(bytes)) return "the bytes are not valid UTF-8";
  try {
    JSON.parse(bytes.toString("utf8"));
    return undefined;
  } catch (error) {
    return `not valid JSON: ${(error as Error).message}`;
  }
}

/** Gives open letters up: they are kept until retention takes them, and can be replayed until then. */
export async function discardLetters(
  { database, actor, audit }: Change,
  filter: LetterFilter,
): Promise<number> {
  return database.transaction(async (connection) => {
    const [gone] = await connection.query<{ letters: number }>({
      text: `with gone as (
               update dlq.letters l set state = 'discarded', resolved_at = clock_timestamp()
               where ${matchesFilter} returning 1)
             select count(*)::int as letters from gone`,
      values: filterValues({ ...filter, state: "open" }),
    });
    const letters = gone?.letters ?? 0;
    const detail = { filter, letters };
    await audit(connection, { actor, action: "dlq.discard", subject: "letters", detail });
    return letters;
  });
}

/** @throws WeirError `not_found` for what is no id at all: PostgreSQL would call it an error. */
export function knownForm(id: string): string {
  if (!uuid.test(id)) throw noLetter(id);
  return id;
}

function noLetter(id: string): WeirError {
  return new WeirError("not_found", {
    detail: `there is nothing with the id "${id.slice(0, 80)}"`,
  });
}

function asLetter(row: LetterRow): Letter {
  return {
    ...row,
    first_at: row.first_at.toISOString(),
    last_at: row.last_at.toISOString(),
    resolved_at: row.resolved_at?.toISOString() ?? null,
  };
}

function asContent(bytes: Buffer): Content {
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
    throw new WeirError("invalid_query", {
      detail: "cursor: send the next_cursor of the page before, unchanged",
    });
  }
  return { lastUs, id };
}
