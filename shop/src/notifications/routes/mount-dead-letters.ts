import type { DeadLetters } from "../../bus/bus.ts";
import type { App } from "../../foundation/http-app.ts";
import { Problem, problemKinds } from "../../foundation/problems.ts";
import { type CallerTokens, requireCaller } from "../../foundation/tokens.ts";

const querystring = {
  type: "object",
  additionalProperties: false,
  properties: { limit: { type: "integer", minimum: 1, maximum: 500, default: 100 } },
} as const;

const params = {
  type: "object",
  properties: { id: { type: "string", minLength: 1, maxLength: 200 } },
} as const;

/** `GET /dead-letters`, `POST /dead-letters/:id/replay`, `DELETE /dead-letters/:id`, for the administrator. */
export function mountDeadLetters(app: App, letters: DeadLetters, tokens: CallerTokens): void {
  const onRequest = requireCaller(tokens, ["admin"]);

  app.get<{ Querystring: { readonly limit: number } }>(
    "/dead-letters",
    { schema: { querystring }, onRequest },
    async ({ query }) => {
      const items = await letters.list(query.limit);
      return {
        items: items.map(({ id, body, reason, deliveries, failedAt }) => ({
          ...{ id, reason, deliveries },
          failed_at: failedAt ?? null,
          body,
        })),
        next: null,
      };
    },
  );

  app.post<{ Params: { readonly id: string } }>(
    "/dead-letters/:id/replay",
    { schema: { params }, onRequest },
    async ({ params: { id } }, reply) => {
      if (!(await letters.replay(id))) throw missing(id);
      return reply.code(202).send({ id });
    },
  );

  app.delete<{ Params: { readonly id: string } }>(
    "/dead-letters/:id",
    { schema: { params }, onRequest },
    async ({ params: { id } }, reply) => {
      if (!(await letters.discard(id))) throw missing(id);
      return reply.code(204).send();
    },
  );
}

function missing(id: string): Problem {
  return new Problem(problemKinds.not_found, `There is no dead letter of the message ${id}.`);
}
