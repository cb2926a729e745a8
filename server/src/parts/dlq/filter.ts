/** Which dead letters: one filter for the list, dry runs, replays and discards. */
import { eventInstantPattern, instantExpects, schema as s, uuidPattern } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import { instantForm, instantOf } from "../../core/instant.ts";
import { textFlaw } from "../../core/text-flaw.ts";
import type { DeadLetterState } from "./ports.ts";

const instant = (description: string) =>
  s.string({ pattern: eventInstantPattern, "x-expects": instantExpects, description });

export const filterMembers = {
  part: s.string({ minLength: 1, maxLength: 64, description: "Only dead letters of this part." }),
  reason: s.string({
    minLength: 1,
    maxLength: 100,
    description: "Only dead letters with this reason code.",
  }),
  since: instant("Last failure at or after this instant."),
  until: instant("Last failure before this instant."),
  text: s.string({
    minLength: 1,
    maxLength: 200,
    description: "Text contained in the error, the source key or the content.",
  }),
} as const;

const letterIds = s.array(s.string({ pattern: uuidPattern }), {
  minItems: 1,
  maxItems: 10_000,
});

/** In the body of a replay or a discard. */
export const filterSchema = s.object(
  {
    ids: s.optional(letterIds),
    state: s.optional(
      s.oneOf(["open", "discarded"], { description: "State of the dead letters; default `open`." }),
    ),
    part: s.optional(filterMembers.part),
    reason: s.optional(filterMembers.reason),
    since: s.optional(filterMembers.since),
    until: s.optional(filterMembers.until),
    text: s.optional(filterMembers.text),
  },
  { $id: "DeadLetterFilter" },
);

export interface DeadLetterFilter {
  readonly ids?: readonly string[];
  readonly state?: DeadLetterState;
  readonly part?: string;
  readonly reason?: string;
  readonly since?: string;
  readonly until?: string;
  readonly text?: string;
}

/** Uses `$1` to `$7` from `filterValues`; other parameters of a statement start at `$8`. */
export const matchesFilter = `
  ($1::uuid[] is null or l.id = any ($1)) and ($2::text is null or l.state = $2)
  and ($3::text is null or l.part = $3) and ($4::text is null or l.reason = $4)
  and ($5::timestamptz is null or l.last_at >= $5) and ($6::timestamptz is null or l.last_at < $6)
  and ($7::text is null or strpos(lower(l.error), lower($7)) > 0 or strpos(l.source_key, $7) > 0
    or position(convert_to($7, 'UTF8') in coalesce(l.edited, l.original)) > 0)`;

/** @throws WeirError `invalid_request` for an invalid instant or text */
export function filterValues(filter: DeadLetterFilter): unknown[] {
  const problem = filterProblem(filter);
  if (problem !== undefined) {
    const { name, detail } = problem;
    throw new WeirError("invalid_request", {
      detail: `${name}: ${detail}`,
      errors: [{ pointer: `/filter/${name}`, detail }],
    });
  }
  const { ids, state, part, reason, since, until, text } = filter;
  const [from, to] = [since, until].map((at) => (at === undefined ? null : instantOf(at)));
  return [ids ?? null, state ?? null, part ?? null, reason ?? null, from, to, text ?? null];
}

/** What is wrong with a filter that its schema accepts. */
export function filterProblem(
  filter: DeadLetterFilter,
): { readonly name: string; readonly detail: string } | undefined {
  for (const name of ["since", "until"] as const) {
    const text = filter[name];
    if (text !== undefined && instantOf(text) === undefined) return { name, detail: instantForm };
  }
  for (const name of ["part", "reason", "text"] as const) {
    const flaw = textFlaw(filter[name] ?? "");
    if (flaw !== undefined) return { name, detail: flaw };
  }
  return undefined;
}
