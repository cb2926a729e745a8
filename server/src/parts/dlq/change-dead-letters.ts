/** Editing and discarding dead letters, for the routes and the command line. */
import { isUtf8 } from "node:buffer";
import { messageOf, WeirError } from "../../core/errors.ts";
import { notFound, readDeadLetter, validId } from "./dead-letters.ts";
import { type DeadLetterFilter, filterValues, matchesFilter } from "./filter.ts";
import type { Change, DeadLetterState, Validators } from "./ports.ts";
import type { WholeDeadLetter } from "./schemas.ts";

/**
 * Stores `bytes` as the content that a replay uses. The original is kept; sending its bytes removes the edit.
 *
 * @throws WeirError `not_found`; `invalid_request` if the part's validator refuses the bytes, or the dead letter
 *   is being replayed or resolved
 */
export async function editDeadLetter(
  { database, actor, audit }: Change,
  { id, bytes, validators }: { id: string; bytes: Buffer; validators: Validators },
): Promise<WholeDeadLetter> {
  return database.transaction(async (connection) => {
    const [letter] = await connection.query<EditableRow>({
      text: `select part, state, source, content_type, octet_length(edited) as previous
             from dlq.letters where id = $1 for update`,
      values: [validId(id)],
    });
    if (letter === undefined) throw notFound(id);
    if (letter.state === "replaying" || letter.state === "resolved") {
      throw new WeirError("invalid_request", {
        detail: `the dead letter is ${letter.state}; only open and discarded ones can be edited`,
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
    return readDeadLetter(connection, id);
  });
}

interface EditableRow {
  readonly part: string;
  readonly state: DeadLetterState;
  readonly source: unknown;
  readonly content_type: string;
  /** Bytes of the previous edit. */
  readonly previous: number | null;
}

/** For parts without a validator: JSON must remain JSON. */
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
    return `not valid JSON: ${messageOf(error)}`;
  }
}

/** Discards open dead letters: they are kept until retention deletes them, and can be replayed until then. */
export async function discardDeadLetters(
  { database, actor, audit }: Change,
  filter: DeadLetterFilter,
): Promise<number> {
  return database.transaction(async (connection) => {
    const [discarded] = await connection.query<{ letters: number }>({
      text: `with discarded as (
               update dlq.letters l set state = 'discarded', resolved_at = clock.latest()
               where ${matchesFilter} returning 1)
             select count(*)::int as letters from discarded`,
      values: filterValues({ ...filter, state: "open" }),
    });
    const letters = discarded?.letters ?? 0;
    const detail = { filter, letters };
    await audit(connection, { actor, action: "dlq.discard", subject: "letters", detail });
    return letters;
  });
}
