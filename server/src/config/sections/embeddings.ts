import { schema as s } from "@weir/protocol";

export const embeddingsSection = s.object({
  dimension: s.integer({
    default: 192,
    minimum: 16,
    maximum: 1_024,
    description: "Dimension of the vectors of Weir's built-in models.",
  }),
  transformer_folder: s.nullable(
    s.string({
      default: null,
      description: "Folder in which `weir models add` looks up sentence-transformers by name.",
    }),
  ),
  http: s.object({
    url: s.nullable(
      s.string({
        default: null,
        description: "URL of an OpenAI-compatible `/v1/embeddings` endpoint.",
      }),
    ),
    model: s.string({ default: "", description: "Name of the model at that endpoint." }),
    api_key: s.nullable(
      s.string({
        default: null,
        "x-secret": true,
        description: "API key of the endpoint, if it requires one.",
      }),
    ),
  }),
});
