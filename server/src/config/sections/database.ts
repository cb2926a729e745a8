import { schema as s } from "@weir/protocol";

export const databaseSection = s.object({
  url: s.nullable(
    s.string({
      default: null,
      "x-secret": true,
      description:
        "URL of an external PostgreSQL 18, as the owner of the database. Without it `weir up` runs the embedded one.",
    }),
  ),
  app_url: s.nullable(
    s.string({
      default: null,
      "x-secret": true,
      description:
        "URL of the same database as role `weir_app`. `weir migrate` sets the password in it.",
    }),
  ),
  ingest_url: s.nullable(
    s.string({
      default: null,
      "x-secret": true,
      description:
        "URL of the same database as role `weir_ingest`. `weir migrate` sets the password in it.",
    }),
  ),
  spark_url: s.nullable(
    s.string({
      default: null,
      "x-secret": true,
      description:
        "URL of the same database as role `weir_spark`, for the Spark job. `weir migrate` sets the password in it.",
    }),
  ),
  connections: s.integer({
    default: 8,
    minimum: 2,
    maximum: 100,
    description: "Maximum connections for queries and administration in the HTTP process.",
  }),
});
