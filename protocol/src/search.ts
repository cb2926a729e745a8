/** Vector search: similar products, search by meaning, recommendations, models. */
import { currencyPattern, eventInstantPattern, instantExpects } from "./patterns.ts";
import {
  array,
  boolean,
  type Infer,
  integer,
  nullable,
  number,
  object,
  oneOf,
  optional,
  record,
  string,
} from "./schema.ts";

const instant = () => string({ format: "date-time" });

/** Which model made the compared vectors, and the state of the index. */
export const searchSourceSchema = object(
  {
    model: object({
      id: string(),
      kind: oneOf(["random-projection", "lsa", "transformer", "http"]),
      dimension: integer(),
      corpus_texts: nullable(
        integer({ description: "Products that the model was fitted on; 0 before the first fit." }),
      ),
      live_at: nullable(instant()),
    }),
    index: object({
      driver: oneOf(["embedded", "qdrant"]),
      collection: string(),
      points: integer(),
      state: oneOf(["ready", "loading"]),
    }),
  },
  { $id: "SearchSource" },
);
export type SearchSource = Infer<typeof searchSourceSchema>;

export const foundProductSchema = object(
  {
    product_id: string(),
    score: number({ description: "Cosine similarity: 1 means identical." }),
    name: nullable(string()),
    category: nullable(string()),
    price: nullable(number()),
    currency: nullable(string()),
    first_seen: nullable(instant()),
    last_seen: nullable(instant()),
    counts: record(integer(), { description: "Events about this product, by event type." }),
  },
  { $id: "FoundProduct" },
);
export type FoundProduct = Infer<typeof foundProductSchema>;

export const similarAnswerSchema = object(
  {
    product: foundProductSchema,
    results: array(foundProductSchema),
    source: searchSourceSchema,
  },
  { $id: "SimilarAnswer" },
);
export type SimilarAnswer = Infer<typeof similarAnswerSchema>;

export const searchFilterSchema = object(
  {
    category: optional(array(string({ maxLength: 200 }), { minItems: 1, maxItems: 100 })),
    currency: optional(string({ pattern: currencyPattern, "x-expects": "an ISO 4217 code" })),
    price: optional(object({ gte: optional(number()), lte: optional(number()) })),
  },
  { $id: "SearchFilter" },
);
export type SearchFilter = Infer<typeof searchFilterSchema>;

export const searchQuestionSchema = object(
  {
    text: string({ minLength: 1, maxLength: 2_000, examples: ["red mug for tea"] }),
    limit: optional(integer({ minimum: 1, maximum: 100, default: 10 })),
    filter: optional(searchFilterSchema),
    hybrid: optional(
      boolean({
        default: false,
        description: "Also match words and parts of words; the two rankings are fused.",
      }),
    ),
    score_threshold: optional(
      number({ minimum: -1, maximum: 1, description: "Minimum score of a result." }),
    ),
    model: optional(
      string({ maxLength: 200, description: "Model to query instead of the live one." }),
    ),
  },
  { $id: "SearchQuestion" },
);
export type SearchQuestion = Infer<typeof searchQuestionSchema>;

export const searchAnswerSchema = object(
  { results: array(foundProductSchema), source: searchSourceSchema },
  { $id: "SearchAnswer" },
);
export type SearchAnswer = Infer<typeof searchAnswerSchema>;

export const recommendationsSchema = object(
  {
    user_id: string(),
    basis: oneOf(["interest", "popular"], {
      description: "popular: the user's interests are not known yet.",
    }),
    excluded_bought: integer({
      description: "Products left out because the user has bought them.",
    }),
    results: array(foundProductSchema),
    source: searchSourceSchema,
  },
  { $id: "Recommendations" },
);
export type Recommendations = Infer<typeof recommendationsSchema>;

export const eventSearchFilterSchema = object(
  {
    event_type: optional(array(string({ maxLength: 128 }), { minItems: 1, maxItems: 100 })),
    category: optional(array(string({ maxLength: 200 }), { minItems: 1, maxItems: 100 })),
    product_id: optional(array(string({ maxLength: 256 }), { minItems: 1, maxItems: 100 })),
    source: optional(array(string({ maxLength: 63 }), { minItems: 1, maxItems: 100 })),
    user_id: optional(string({ maxLength: 300 })),
    from: optional(
      string({
        pattern: eventInstantPattern,
        "x-expects": instantExpects,
        description: "Earliest occurred_at, inclusive; RFC 3339 with offset.",
      }),
    ),
    to: optional(
      string({
        pattern: eventInstantPattern,
        "x-expects": instantExpects,
        description: "Latest occurred_at, exclusive; RFC 3339 with offset.",
      }),
    ),
  },
  { $id: "EventSearchFilter" },
);
export type EventSearchFilter = Infer<typeof eventSearchFilterSchema>;

export const eventSearchQuestionSchema = object(
  {
    text: string({ minLength: 1, maxLength: 2_000, examples: ["refund of a broken lamp"] }),
    limit: optional(integer({ minimum: 1, maximum: 100, default: 10 })),
    filter: optional(eventSearchFilterSchema),
    score_threshold: optional(
      number({ minimum: -1, maximum: 1, description: "Minimum score of a result." }),
    ),
    model: optional(
      string({ maxLength: 200, description: "Model to query instead of the live one." }),
    ),
  },
  { $id: "EventSearchQuestion" },
);
export type EventSearchQuestion = Infer<typeof eventSearchQuestionSchema>;

export const foundEventSchema = object(
  {
    event_id: string(),
    score: number({ description: "Cosine similarity: 1 means identical." }),
    event_type: string(),
    source: string({ description: "The service that sent it." }),
    user_id: nullable(string()),
    product_ids: array(string()),
    categories: array(string()),
    occurred_at: instant(),
    received_at: instant(),
  },
  { $id: "FoundEvent" },
);
export type FoundEvent = Infer<typeof foundEventSchema>;

export const eventSearchAnswerSchema = object(
  { results: array(foundEventSchema), source: searchSourceSchema },
  { $id: "EventSearchAnswer" },
);

export const modelSchema = object(
  {
    id: string(),
    kind: oneOf(["random-projection", "lsa", "transformer", "http"]),
    dimension: integer(),
    state: oneOf(["building", "ready", "live", "retired"]),
    automatic: boolean(),
    wanted: boolean(),
    corpus_texts: nullable(integer()),
    points: nullable(integer()),
    created_at: instant(),
    live_at: nullable(instant()),
    error: nullable(string()),
  },
  { $id: "Model" },
);
export type Model = Infer<typeof modelSchema>;
