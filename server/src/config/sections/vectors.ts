import { schema as s } from "@weir/protocol";

export const vectorsSection = s.object({
  driver: s.oneOf(["embedded", "qdrant"], {
    default: "embedded",
    description: "Vector store that answers searches. PostgreSQL keeps all points in either case.",
  }),
  memory_mib: s.integer({
    default: 512,
    minimum: 16,
    maximum: 65_536,
    description: "Memory limit of the embedded index.",
  }),
  timeout_ms: s.integer({
    default: 2_000,
    minimum: 10,
    maximum: 60_000,
    description: "Time limit of one call to the vector store.",
  }),
  qdrant: s.object({
    url: s.nullable(
      s.string({ default: null, description: "URL of Qdrant, such as `http://localhost:6333`." }),
    ),
    api_key: s.nullable(
      s.string({
        default: null,
        "x-secret": true,
        description: "API key of Qdrant, if it requires one.",
      }),
    ),
    quantisation: s.boolean({
      default: false,
      description:
        "Creates new collections with scalar int8 quantisation, which takes a quarter of the memory.",
    }),
  }),
});
