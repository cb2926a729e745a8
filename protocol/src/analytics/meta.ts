/** `GET /api/meta`: what an installation contains, for pickers and headings of pages. */
import { array, type Infer, integer, nullable, object, optional, string } from "../schema.ts";
import { instant } from "./common.ts";

export const metaSchema = object(
  {
    version: string(),
    environment: optional(
      string({ description: "WEIR_ENV; pages show it to tell staging from production." }),
    ),
    event_types: array(object({ name: string(), action: string(), events: integer() })),
    sources: array(string()),
    currencies: array(string()),
    first_event_at: nullable(instant()),
    retention_days: integer({ description: "Days that raw events are kept." }),
  },
  { $id: "Meta" },
);
export type Meta = Infer<typeof metaSchema>;
