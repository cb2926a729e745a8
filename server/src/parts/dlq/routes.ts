import { cursorPattern, type Infer, schema as s, uuidPattern } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import type { Database } from "../../core/ports/database.ts";
import type { Route, RouteRequest } from "../../core/ports/route.ts";
import { discardDeadLetters, editDeadLetter } from "./change-dead-letters.ts";
import {
  countDeadLetters,
  groupDeadLetters,
  listDeadLetters,
  readDeadLetter,
} from "./dead-letters.ts";
import { type DeadLetterFilter, filterMembers, filterProblem, filterSchema } from "./filter.ts";
import { type Change, deadLetterStates, type Validators, type WriteAudit } from "./ports.ts";
import { cancelReplay, listReplays, readReplay, requestReplay } from "./replays.ts";
import {
  deadLetterPageSchema,
  groupsSchema,
  matchingSchema,
  replaySchema,
  wholeDeadLetterSchema,
} from "./schemas.ts";

export interface DlqRoutesOptions {
  readonly database: Database;
  readonly validators: Validators;
  readonly audit: WriteAudit;
}

const filterParameters = { state: s.oneOf(deadLetterStates), ...filterMembers };

const selectionSchema = s.object({
  filter: filterSchema,
  dry_run: s.optional(
    s.boolean({ description: "Only counts the dead letters that match; changes nothing." }),
  ),
});

const byId = { id: s.string({ pattern: uuidPattern, format: "uuid" }) };
const maxBytes = 10 * 1024 * 1024;

/** Dead letters: list, read, edit, replay, discard. */
export function dlqRoutes(options: DlqRoutesOptions): Route[] {
  return [...readRoutes(options), ...changeRoutes(options), ...replayRoutes(options)];
}

function changeOf({ database, audit }: DlqRoutesOptions, { principal }: RouteRequest): Change {
  return { database, audit, actor: `${principal.service}/${principal.keyId}` };
}

/** @throws WeirError `invalid_query`: here the filter is part of the URL */
function filterOf(query: RouteRequest["query"]): DeadLetterFilter {
  const names = Object.keys(filterParameters);
  const given = Object.entries(query).filter(([name]) => names.includes(name));
  const filter: DeadLetterFilter = Object.fromEntries(given);
  const problem = filterProblem(filter);
  if (problem !== undefined) {
    throw new WeirError("invalid_query", { detail: `${problem.name}: ${problem.detail}` });
  }
  return filter;
}

function readRoutes({ database }: DlqRoutesOptions): Route[] {
  return [
    {
      method: "GET",
      path: "/api/dlq/letters",
      view: "dlq.letter_list",
      access: "permission",
      summary: "List dead letters, most recent failure first.",
      query: {
        ...filterParameters,
        cursor: s.string({
          pattern: cursorPattern,
          maxLength: 200,
          description: "next_cursor of the previous page of results.",
        }),
        limit: s.integer({ minimum: 1, maximum: 500, default: 50 }),
      },
      errors: ["unanswerable_query"],
      responses: { 200: { description: "A page of dead letters.", schema: deadLetterPageSchema } },
      async handle({ query }) {
        const cursor = query["cursor"] as string | undefined;
        const page = {
          limit: Number(query["limit"] ?? 50),
          ...(cursor === undefined ? {} : { cursor }),
        };
        return { status: 200, body: await listDeadLetters(database, filterOf(query), page) };
      },
    },
    {
      method: "GET",
      path: "/api/dlq/groups",
      view: "dlq.letter_groups",
      access: "permission",
      summary: "Count dead letters by part, reason and state.",
      query: filterParameters,
      responses: { 200: { description: "Groups, largest first.", schema: groupsSchema } },
      handle: async ({ query }) => ({
        status: 200,
        body: await groupDeadLetters(database, filterOf(query)),
      }),
    },
    {
      method: "GET",
      path: "/api/dlq/letters/:id",
      view: "dlq.letter_get",
      access: "permission",
      summary: "Get a dead letter with its content.",
      params: byId,
      errors: ["not_found"],
      responses: { 200: { description: "The dead letter.", schema: wholeDeadLetterSchema } },
      handle: async ({ params }) => ({
        status: 200,
        body: await readDeadLetter(database, params["id"] ?? ""),
      }),
    },
  ];
}

function changeRoutes(options: DlqRoutesOptions): Route[] {
  const { database, validators } = options;
  return [
    {
      method: "PUT",
      path: "/api/dlq/letters/:id/edition",
      view: "dlq.letter_edit",
      access: "permission",
      summary: "Edit a dead letter: a replay uses this content instead. The original is kept.",
      body: {
        kind: "bytes",
        contentTypes: ["application/json", "text/plain", "application/octet-stream"],
        description: "The complete corrected content.",
        limit: maxBytes,
        schemas: {
          "application/json": s.unknown(),
          "text/plain": s.string(),
          "application/octet-stream": s.string({ format: "binary" }),
        },
      },
      params: byId,
      errors: ["not_found", "invalid_request"],
      responses: { 200: { description: "The edited dead letter.", schema: wholeDeadLetterSchema } },
      async handle(request) {
        const edit = {
          id: request.params["id"] ?? "",
          bytes: request.body as Buffer,
          validators,
        };
        return { status: 200, body: await editDeadLetter(changeOf(options, request), edit) };
      },
    },
    {
      method: "POST",
      path: "/api/dlq/discard",
      view: "dlq.letter_discard",
      access: "permission",
      summary: "Discard open dead letters. They are kept until retention deletes them.",
      body: { kind: "json", schema: selectionSchema },
      responses: {
        200: {
          description: "How many were discarded, or match with `dry_run`.",
          schema: matchingSchema,
        },
      },
      async handle(request) {
        const { filter, dry_run } = request.body as Infer<typeof selectionSchema>;
        const selection = { ...filter, state: "open" } as const;
        const letters =
          dry_run === true
            ? await countDeadLetters(database, selection)
            : await discardDeadLetters(changeOf(options, request), selection);
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
      summary: "Replay matching dead letters in the background: their parts process them again.",
      body: { kind: "json", schema: selectionSchema },
      responses: {
        200: {
          description: "With `dry_run`: how many dead letters match.",
          schema: matchingSchema,
        },
        202: {
          description: "The replay is queued; read its progress by its id.",
          schema: replaySchema,
          headers: { Location: s.string({ description: "Address of the replay." }) },
          links: {
            progress: { to: "dlq.get.replay_get", parameters: { id: "$response.body#/id" } },
            cancel: { to: "dlq.post.replay_cancel", parameters: { id: "$response.body#/id" } },
          },
        },
      },
      async handle(request) {
        const { filter, dry_run } = request.body as Infer<typeof selectionSchema>;
        if (dry_run === true) {
          return { status: 200, body: { letters: await countDeadLetters(database, filter) } };
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
      summary: "List the newest replays with their progress.",
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
      summary: "Get a replay with its progress.",
      params: byId,
      errors: ["not_found"],
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
      summary: "Cancel a replay. Dead letters that were not replayed yet are open again.",
      params: byId,
      errors: ["not_found", "invalid_request"],
      responses: { 200: { description: "The cancelled replay.", schema: replaySchema } },
      handle: async (request) => ({
        status: 200,
        body: await cancelReplay(changeOf(options, request), request.params["id"] ?? ""),
      }),
    },
  ];
}
