/**
 * `GET /api/events?event_type&source&user_id&product_id&from&to&property.<path>=<value>&cursor&limit`
 * and `GET /api/users/{id}/events`: newest first.
 */
import { rawEventSchema } from "../frames.ts";
import { array, boolean, type Infer, nullable, object, string } from "../schema.ts";
import { rangeSchema } from "./common.ts";

export const eventPageSchema = object(
  {
    range: rangeSchema,
    events: array(rawEventSchema),
    next_cursor: nullable(string()),
    complete: boolean({
      description: "false when the time limit ended the scan; continue with next_cursor.",
    }),
  },
  { $id: "EventPage" },
);
export type EventPage = Infer<typeof eventPageSchema>;
