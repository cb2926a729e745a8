/** Which letters: the same filter for the list, a dry run, a replay and a discard. */
import { schema as s } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import type { LetterState } from "./ports.ts";

const instant = (description: string) =>
  s.string({ format: "date-time", maxLength: 40, description });

export const filterMembers = {
  part: s.string({ minLength: 1, maxLength: 64, description: "The part that could not process." }),
  reason: s.string({ minLength: 1, maxLength: 100, description: "The reason's code." }),
  since: instant("Failed last at or after this instant."),
  until: instant("Failed last before this instant."),
  text: s.string({
    minLength: 1,
    maxLength: 200,
    description: "Stands in the error, in what names the letter, or in its bytes.",
  }),
} as const;

const uuidPattern = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$";

const letterIds = s.array(s.string({ pattern: uuidPattern }), {
  minItems: 1,
  maxItems: 10_000,
});

/** As sent with a replay or a discard. */
export const filterSchema = s.object(
  {
    ids: s.optional(letterIds),
    state: s.optional(
      s.oneOf(["open", "discarded"], { description: "`open` unless told otherwise." }),
    ),
    part: s.optional(filterMembers.part),
    reason: s.optional(filterMembers.reason),
    since: s.optional(filterMembers.since),
    until: s.optional(filterMembers.until),
    text: s.optional(filterMembers.text),
  },
  { $id: "DeadLetterFilter" },
);

export interface LetterFilter {
  readonly ids?: readonly string[];
  readonly state?: LetterState;
  readonly part?: string;
  readonly reason?: string;
  readonly since?: string;
  readonly until?: string;
  readonly text?: string;
}

/** Takes `$1` to `$7` from `filterValues`; other parameters of a statement start at `$8`. */
export const matchesFilter = `
  ($1::uuid[] is null or l.id = any ($1)) and ($2::text is null or l.state = $2)
  and ($3::text is null or l.part = $3) and ($4::text is null or l.reason = $4)
  and ($5::timestamptz is null or l.last_at >= $5) and ($6::timestamptz is null or l.last_at < $6)
  and ($7::text is null or strpos(lower(l.error), lower($7)) > 0 or strpos(l.source_key, $7) > 0
    or position(convert_to($7, 'UTF8') in coalesce(l.edited, l.original)) > 0)`;

/** @throws WeirError `invalid_request` for what is no instant or no text */
export function filterValues(filter: LetterFilter): unknown[] {
  const problem = filterProblem(filter);
  if (problem !== undefined) {
    const { name, detail } = problem;
    throw new WeirError("invalid_request", {
      detail: `${name}: ${detail}`,
      errors: [{ pointer: `/filter/${name}`, detail }],
    });
  }
  const { ids, state, part, reason, since, until, text } = filter;
  const [from, to] = [since, until].map((at) => (at === undefined ? null : new Date(at)));
  return [ids ?? null, state ?? null, part ?? null, reason ?? null, from, to, text ?? null];
}

/** What is wrong with a filter that its schema lets pass. */
export function filterProblem(
  filter: LetterFilter,
): { readonly name: string; readonly detail: string } | undefined {
  for (const name of ["since", "until"] as const) {
    const text = filter[name];
    if (text !== undefined && !rfc3339.test(text)) {
      return { name, detail: "write RFC 3339 with an offset: 2027-01-31T12:00:00Z" };
    }
  }
  for (const name of ["part", "reason", "text"] as const) {
    if (filter[name]?.includes("\0") === true) return { name, detail: "holds a character NUL" };
  }
  return undefined;
}

/** PostgreSQL takes more than this, and some of it differently. */
const rfc3339 =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/;
