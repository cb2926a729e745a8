import { type Infer, schema as s } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import type { Database } from "../../core/ports/database.ts";
import type { Route, RouteRequest } from "../../core/ports/route.ts";
import { filterMembers, filterProblem, filterSchema, type LetterFilter } from "./filter.ts";
import {
  type Change,
  countLetters,
  discardLetters,
  editLetter,
  groupLetters,
  listLetters,
  readLetter,
} from "./letters.ts";
import { letterStates, type Validators, type WriteAudit } from "./ports.ts";
import { cancelReplay, listReplays, readReplay, requestReplay } from "./replays.ts";
import {
  groupsSchema,
  letterPageSchema,
  matchingSchema,
  replaySchema,
  wholeLetterSchema,
} from "./schemas.ts";

export interface DlqRoutesOptions {
  readonly database: Database;
  readonly validators: Validators;
  readonly audit: WriteAudit;
}

const filterParameters = { state: s.oneOf(letterStates), ...filterMembers };

const selectionSchema = s.object({
  filter: filterSchema,
  dry_run: s.optional(
    s.boolean({ description: "Only counts what would be taken, and changes nothing." }),
  ),
});

const longestLetter = 10 * 1024 * 1024;

/** Dead letters: looking, mending, replaying, discarding. */
export function dlqRoutes(options: DlqRoutesOptions): Route[] {
  return [...letterRoutes(options), ...replayRoutes(options)];
}

function changeOf({ database, audit }: DlqRoutesOptions, { principal }: RouteRequest): Change {
  return { database, audit, actor: `${principal.service}/${principal.keyId}` };
}

/** @throws WeirError `invalid_query`: here the filter stands in the address */
function filterOf(query: RouteRequest["query"]): LetterFilter {
  const names = Object.keys(filterParameters);
  const given = Object.entries(query).filter(([name]) => names.includes(name));
  const filter: LetterFilter = Object.fromEntries(given);
  const problem = filterProblem(filter);
  if (problem !== undefined) {
    throw new WeirError("invalid_query", { detail: `${problem.name}: ${problem.detail}` });
  }
  return filter;
}

function letterRoutes(options: DlqRoutesOptions): Route[] {
  const { database, validators } = options;
  return [
    {
      method: "GET",
      path: "/api/dlq/letters",
      view: "dlq.letter_list",
      access: "permission",
      summary: "Dead letters, those that failed last first.",
      query: {
        ...filterParameters,
        cursor: s.string({ maxLength: 200, description: "next_cursor of the page before." }),
        limit: s.integer({ minimum: 1, maximum: 500, default: 50 }),
      },
      responses: { 200: { description: "A page of letters.", schema: letterPageSchema } },
      async handle({ query }) {
        const cursor = query["cursor"] as string | undefined;
        const page = {
          limit: Number(query["limit"] ?? 50),
          ...(cursor === undefined ? {} : { cursor }),
        };
        return { status: 200, body: await listLetters(database, filterOf(query), page) };
      },
    },
    {
      method: "GET",
      path: "/api/dlq/groups",
      view: "dlq.letter_groups",
      access: "permission",
      summary: "How many dead letters of which part, reason and state.",
      query: filterParameters,
      responses: { 200: { description: "Groups, the largest first.", schema: groupsSchema } },
      handle: async ({ query }) => ({
        status: 200,
        body: await groupLetters(database, filterOf(query)),
      }),
    },
    {
      method: "GET",
      path: "/api/dlq/letters/:id",
      view: "dlq.letter_get",
      access: "permission",
      summary: "A dead letter with its bytes.",
      responses: { 200: { description: "The letter.", schema: wholeLetterSchema } },
      handle: async ({ params }) => ({
        status: 200,
        body: await readLetter(database, params["id"] ?? ""),
      }),
    },
    {
      method: "PUT",
      path: "/api/dlq/letters/:id/edition",
      view: "dlq.letter_edit",
      access: "permission",
      summary: "Mends a dead letter: these bytes are replayed instead. The original is kept.",
      body: {
        kind: "bytes",
        contentTypes: ["application/json", "text/plain", "application/octet-stream"],
        description: "The whole content as it should have been.",
        limit: longestLetter,
      },
      responses: { 200: { description: "The letter now.", schema: wholeLetterSchema } },
      async handle(request) {
        const edit = {
          id: request.params["id"] ?? "",
          bytes: request.body as Buffer,
          validators,
        };
        return { status: 200, body: await editLetter(changeOf(options, request), edit) };
      },
    },
    {
      method: "POST",
      path: "/api/dlq/discard",
      view: "dlq.letter_discard",
      access: "permission",
      summary: "Gives open dead letters up; they are kept until retention takes them.",
      body: { kind: "json", schema: selectionSchema },
      responses: { 200: { description: "How many.", schema: matchingSchema } },
      async handle(request) {
        const { filter, dry_run } = request.body as Infer<typeof selectionSchema>;
        const wanted = { ...filter, state: "open" } as const;
        const letters =
          dry_run === true
            ? await countLetters(database, wanted)
            : await discardLetters(changeOf(options, request), wanted);
        return { status: 200, body: { letters } };
      },
    },
  ];
}

function replayRoutes(options: DlqRoutesOptions): Route[] {
  const { database } = options;
  return [
    {
      method: "POST",
      path: "/api/dlq/replays",
      view: "dlq.replay_create",
      access: "permission",
      summary: "Gives the letters that match back to their parts, in the background.",
      body: { kind: "json", schema: selectionSchema },
      responses: {
        200: { description: "With `dry_run`: how many letters match.", schema: matchingSchema },
        202: { description: "Under way; ask for it by its id.", schema: replaySchema },
      },
      async handle(request) {
        const { filter, dry_run } = request.body as Infer<typeof selectionSchema>;
        if (dry_run === true) {
          return { status: 200, body: { letters: await countLetters(database, filter) } };
        }
        const replay = await requestReplay(changeOf(options, request), filter);
        const headers = { location: `/api/dlq/replays/${replay.id}` };
        return { status: 202, headers, body: replay };
      },
    },
    {
      method: "GET",
      path: "/api/dlq/replays",
      view: "dlq.replay_list",
      access: "permission",
      summary: "The newest replays with their progress.",
      query: { limit: s.integer({ minimum: 1, maximum: 200, default: 20 }) },
      responses: {
        200: { description: "Replays.", schema: s.object({ replays: s.array(replaySchema) }) },
      },
      handle: async ({ query }) => ({
        status: 200,
        body: { replays: await listReplays(database, Number(query["limit"] ?? 20)) },
      }),
    },
    {
      method: "GET",
      path: "/api/dlq/replays/:id",
      view: "dlq.replay_get",
      access: "permission",
      summary: "How far a replay is.",
      responses: { 200: { description: "The replay.", schema: replaySchema } },
      handle: async ({ params }) => ({
        status: 200,
        body: await readReplay(database, params["id"] ?? ""),
      }),
    },
    {
      method: "POST",
      path: "/api/dlq/replays/:id/cancel",
      view: "dlq.replay_cancel",
      access: "permission",
      summary: "Ends a replay; letters that were not replayed yet are open again.",
      responses: { 200: { description: "The replay now.", schema: replaySchema } },
      handle: async (request) => ({
        status: 200,
        body: await cancelReplay(changeOf(options, request), request.params["id"] ?? ""),
      }),
    },
  ];
}
