/** Responses of the routes; the command line prints the same. */
import { type Infer, schema as s } from "@weir/protocol";
import { deadLetterStates, replayStates } from "./ports.ts";

const instant = s.string({ format: "date-time" });

const members = {
  id: s.string(),
  part: s.string({ description: "The part that could not process it." }),
  source_key: s.string({ description: "Identifies the event or message within its part." }),
  source: s.unknown({ description: "Where it came from, such as the raw event." }),
  reason: s.string({ description: "Code of the reason." }),
  error: s.string(),
  content_type: s.string(),
  user_key: s.nullable(s.string()),
  attempts: s.integer({ description: "Number of failures." }),
  first_at: instant,
  last_at: instant,
  state: s.oneOf(deadLetterStates),
  resolved_at: s.nullable(instant),
  edited: s.boolean({ description: "Whether it was edited; a replay uses the edition." }),
  bytes: s.integer(),
  replay_id: s.nullable(s.string({ description: "The replay that it is part of." })),
} as const;

export const deadLetterSchema = s.object(members, { $id: "DeadLetter" });
export type DeadLetter = Infer<typeof deadLetterSchema>;

const contentSchema = s.object(
  {
    encoding: s.oneOf(["utf8", "base64"], {
      description: "base64 if the content is not valid UTF-8.",
    }),
    data: s.string(),
  },
  { $id: "DeadLetterContent" },
);
export type Content = Infer<typeof contentSchema>;

export const wholeDeadLetterSchema = s.object(
  { ...members, original: contentSchema, edition: s.nullable(contentSchema) },
  { $id: "WholeDeadLetter" },
);
export type WholeDeadLetter = Infer<typeof wholeDeadLetterSchema>;

export const deadLetterPageSchema = s.object(
  { letters: s.array(deadLetterSchema), next_cursor: s.nullable(s.string()) },
  { $id: "DeadLetterPage" },
);
export type DeadLetterPage = Infer<typeof deadLetterPageSchema>;

export const groupsSchema = s.object(
  {
    groups: s.array(
      s.object({
        part: s.string(),
        reason: s.string(),
        state: s.oneOf(deadLetterStates),
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
    done: s.integer({ description: "Dead letters that were processed and are resolved." }),
    failed: s.integer({ description: "Dead letters that failed again and are open." }),
    requested_at: instant,
    started_at: s.nullable(instant),
    finished_at: s.nullable(instant),
    paused_until: s.nullable(
      s.string({ description: "The replay waits until then because a dependency is down." }),
    ),
    problem: s.nullable(s.string({ description: "Why the replay waits." })),
  },
  { $id: "DeadLetterReplay" },
);
export type Replay = Infer<typeof replaySchema>;

export const matchingSchema = s.object(
  { letters: s.integer({ description: "Number of dead letters." }) },
  { $id: "DeadLetterCount" },
);
