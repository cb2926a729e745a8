import { decodeCursor, encodeCursor } from "../../foundation/cursor.ts";
import type { Database } from "../../foundation/database.ts";
import type { App } from "../../foundation/http-app.ts";
import { Problem, problemKinds } from "../../foundation/problems.ts";
import { type CallerTokens, requireCaller } from "../../foundation/tokens.ts";

interface Query {
  readonly order_id?: string;
  readonly user_id?: string;
  readonly to?: string;
  readonly after?: string;
  readonly limit: number;
}

/** Column of each filter; the names come from here, never from a request. */
const filters = { order_id: "order_id", user_id: "user_id", to: "recipient" } as const;

const querystring = {
  type: "object",
  additionalProperties: false,
  properties: {
    order_id: { type: "string", minLength: 1, maxLength: 200 },
    user_id: { type: "string", minLength: 1, maxLength: 200 },
    to: { type: "string", minLength: 1, maxLength: 320 },
    after: { type: "string", maxLength: 400 },
    limit: { type: "integer", minimum: 1, maximum: 100, default: 20 },
  },
} as const;

/** `GET /notifications?order_id=|user_id=|to=`: newest first. */
export function mountNotifications(app: App, database: Database, tokens: CallerTokens): void {
  app.get<{ Querystring: Query }>(
    "/notifications",
    { schema: { querystring }, onRequest: requireCaller(tokens, ["storefront", "admin"]) },
    async ({ query }) => {
      const { after, limit, ...given } = query;
      const [name, ...others] = Object.keys(given) as (keyof typeof filters)[];
      if (name === undefined || others.length > 0) {
        const detail = `query: give one of ${Object.keys(filters).join(", ")}`;
        throw new Problem(problemKinds.invalid_request, detail);
      }
      const scope = ["notifications", name, given[name]];
      const [at = null, id = null] = after === undefined ? [] : decodeCursor(scope, after);
      const rows = await database.query<Record<string, unknown> & { id: string; at: string }>(
        `select id, message_id, channel, kind, order_id, user_id, recipient as to, language, subject,
           body_text as text, body_html as html, state, attempts, reason, created_at, attempted_at,
           sent_at, created_at::text as at
         from notification
         where ${filters[name]} = $1
           and ($2::timestamptz is null or (created_at, id) < ($2::timestamptz, $3::uuid))
         order by created_at desc, id desc limit $4`,
        [given[name], at, id, limit + 1],
      );
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      const isMore = rows.length > limit && last !== undefined;
      return {
        items: page.map(({ at: _at, ...item }) => item),
        next: isMore ? encodeCursor(scope, [last.at, last.id]) : null,
      };
    },
  );
}
