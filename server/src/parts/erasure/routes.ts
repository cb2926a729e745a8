import { schema as s, uuidPattern } from "@weir/protocol";
import type { Database } from "../../core/ports/database.ts";
import type { Route } from "../../core/ports/route.ts";
import { erasureSchema, readErasure, requestErasure } from "./requests.ts";

/** Erasure of a user, and its certificate. */
export function erasureRoutes(database: Database): Route[] {
  return [
    {
      method: "POST",
      path: "/api/users/:id/erase",
      view: "privacy.user_erase",
      access: "permission",
      summary:
        "Erase a user's events, vectors and dead letters, and recompute the affected windows.",
      responses: {
        202: {
          description: "Started; follow it by its id.",
          schema: erasureSchema,
          headers: { Location: s.string({ description: "Address of the erasure." }) },
          links: {
            progress: { to: "privacy.get.erasure_get", parameters: { id: "$response.body#/id" } },
          },
        },
      },
      async handle({ params, principal }) {
        const erasure = await requestErasure(database, {
          userKey: params["id"] ?? "",
          requestedBy: principal.service,
        });
        return { status: 202, headers: { location: `/api/erasures/${erasure.id}` }, body: erasure };
      },
    },
    {
      method: "GET",
      path: "/api/erasures/:id",
      view: "privacy.erasure_get",
      access: "permission",
      summary: "Progress of an erasure; once done, its certificate.",
      params: { id: s.string({ pattern: uuidPattern, format: "uuid" }) },
      errors: ["not_found"],
      responses: { 200: { description: "The erasure.", schema: erasureSchema } },
      async handle({ params }) {
        return { status: 200, body: await readErasure(database, params["id"] ?? "") };
      },
    },
  ];
}
