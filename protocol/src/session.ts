/** `GET /api/session`: the signed-in service. `POST {token}|{key}` signs in, `DELETE` signs out. */
import { array, type Infer, object, string } from "./schema.ts";

export const sessionSchema = object(
  {
    service: string({ description: "The service whose key or sign-in link was used." }),
    role: string(),
    permissions: array(string()),
    expires_at: string({ format: "date-time" }),
    csrf_token: string({
      description: "To be sent as X-CSRF-Token with every request that changes something.",
    }),
  },
  { $id: "Session" },
);
export type Session = Infer<typeof sessionSchema>;
