import type { Database } from "../../foundation/database.ts";
import type { App } from "../../foundation/http-app.ts";
import { type CallerTokens, requireCaller } from "../../foundation/tokens.ts";
import {
  type ChannelName,
  channelNames,
  type Kind,
  type Language,
  languages,
  optionalKinds,
} from "../kinds.ts";
import { type Preference, readPreference, writePreference } from "../preferences.ts";

interface Body {
  readonly channels?: readonly ChannelName[] | null;
  readonly language?: Language | null;
  readonly opted_out?: readonly Kind[];
}

const params = {
  type: "object",
  properties: { user_id: { type: "string", minLength: 1, maxLength: 200 } },
} as const;

const body = {
  type: "object",
  additionalProperties: false,
  properties: {
    channels: {
      anyOf: [
        { type: "array", minItems: 1, uniqueItems: true, items: { enum: channelNames } },
        { type: "null" },
      ],
    },
    language: { enum: [...languages, null] },
    opted_out: { type: "array", uniqueItems: true, items: { enum: optionalKinds } },
  },
} as const;

/** `GET` and `PUT /preferences/:user_id`; PUT replaces all of them. */
export function mountPreferences(app: App, database: Database, tokens: CallerTokens): void {
  const onRequest = requireCaller(tokens, ["storefront", "admin"]);

  app.get<{ Params: { readonly user_id: string } }>(
    "/preferences/:user_id",
    { schema: { params }, onRequest },
    async ({ params: { user_id: userId } }) =>
      answer(userId, await readPreference(database, userId)),
  );

  app.put<{ Params: { readonly user_id: string }; Body: Body }>(
    "/preferences/:user_id",
    { schema: { params, body }, onRequest },
    async ({ params: { user_id: userId }, body: wanted }) => {
      const { channels = null, language = null, opted_out: optedOut = [] } = wanted;
      return answer(
        userId,
        await writePreference(database, userId, { channels, language, optedOut }),
      );
    },
  );
}

function answer(userId: string, preference: Preference): Record<string, unknown> {
  const { channels, language, optedOut, updatedAt } = preference;
  return { user_id: userId, channels, language, opted_out: optedOut, updated_at: updatedAt };
}
