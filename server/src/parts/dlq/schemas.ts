/** What the routes of dead letters answer; the command line prints the same. */
import { type Infer, schema as s } from "@weir/protocol";
import { letterStates, replayStates } from "./ports.ts";

const instant = s.string({ format: "date-time" });

const letterMembers = {
  id: s.string(),
  part: s.string({ description: "The part that could not process it." }),
  source_key: s.string({ description: "Names the thing within its part." }),
  source: s.unknown({ description: "Topic, partition and offset; or the raw event." }),
  reason: s.string({ description: "A code." }),
  error: s.string(),
  content_type: s.string(),
  user_key: s.nullable(s.string()),
  attempts: s.integer({ description: "How often it has failed." }),
  first_at: instant,
  last_at: instant,
  state: s.oneOf(letterStates),
  resolved_at: s.nullable(instant),
  edited: s.boolean({ description: "Somebody has mended it; a replay takes the edition." }),
  bytes: s.integer(),
  replay_id: s.nullable(s.string({ description: "The replay that it waits for." })),
} as const;

export const letterSchema = s.object(letterMembers, { $id: "DeadLetter" });
export type Letter = Infer<typeof letterSchema>;

const contentSchema = s.object(
  {
    encoding: s.oneOf(["utf8", "base64"], {
      description: "base64 when the bytes are no UTF-8 text.",
    }),
    data: s.string(),
  },
  { $id: "DeadLetterContent" },
);
export type Content = Infer<typeof contentSchema>;

export const wholeLetterSchema = s.object(
  { ...letterMembers, original: contentSchema, edition: s.nullable(contentSchema) },
  { $id: "WholeDeadLetter" },
);
export type WholeLetter = Infer<typeof wholeLetterSchema>;

export const letterPageSchema = s.object(
  { letters: s.array(letterSchema), next_cursor: s.nullable(s.string()) },
  { $id: "DeadLetterPage" },
);
export type LetterPage = Infer<typeof letterPageSchema>;

export const groupsSchema = s.object(
  {
    groups: s.array(
      s.object({
        part: s.string(),
        reason: s.string(),
        state: s.oneOf(letterStates),
        letters: s.integer(),
        first_at: instant,
        last_at: instant,
      }),
    ),
  },
  { $id: "DeadLetterGroups" },
);
export type Groups = Infer<typeof groupsSchema>;

export const replaySchema = s.object(
  {
    id: s.string(),
    state: s.oneOf(replayStates),
    filter: s.unknown(),
    requested_by: s.string(),
    total: s.integer(),
    done: s.integer({ description: "Letters that were processed and are resolved." }),
    failed: s.integer({ description: "Letters that failed again and are open." }),
    requested_at: instant,
    started_at: s.nullable(instant),
    finished_at: s.nullable(instant),
    paused_until: s.nullable(s.string({ description: "Waits for something that is away." })),
    problem: s.nullable(s.string({ description: "What it waits for." })),
  },
  { $id: "DeadLetterReplay" },
);
export type Replay = Infer<typeof replaySchema>;

export const matchingSchema = s.object(
  { letters: s.integer({ description: "How many letters that is." }) },
  { $id: "DeadLetterCount" },
);
