import type { Database } from "../../foundation/database.ts";
import type { App } from "../../foundation/http-app.ts";
import { type CallerTokens, requireCaller } from "../../foundation/tokens.ts";
import { replaySince } from "../outbox/outbox-store.ts";

interface ReplayOptions {
  readonly database: Database;
  readonly tokens: CallerTokens;
  /** Messages wait in the outbox again. */
  readonly onReplay: () => void;
}

const body = {
  type: "object",
  additionalProperties: false,
  required: ["since"],
  properties: {
    since: {
      type: "string",
      pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,6})?Z$",
    },
  },
} as const;

/**
 * `POST /events/replay {"since"}`: the bus gets the messages since then again, with the same ids. For a
 * receiver whose queue was deleted: the bus has copies only.
 */
export function mountReplay(app: App, { database, tokens, onReplay }: ReplayOptions): void {
  app.post<{ Body: { readonly since: string } }>(
    "/events/replay",
    { schema: { body }, onRequest: requireCaller(tokens, ["notifications"]) },
    async ({ body: { since } }, reply) => {
      const events = await replaySince(database, since);
      onReplay();
      return reply.code(202).send({ events });
    },
  );
}
