import { schema as s, uuidPattern } from "@weir/protocol";
import type { Database } from "../../core/ports/database.ts";
import type { Route } from "../../core/ports/route.ts";
import { liftBlock, liftedBlockSchema } from "./blocks.ts";
import { type AfterRequest, erasureSchema, readErasure, requestErasure } from "./requests.ts";

export interface ErasureRoutesOptions {
  readonly database: Database;
  /** Called for each request, so that it can change at run time. */
  readonly afterRequest: () => AfterRequest;
}

/** Erasure of a user, its certificate, and lifting the block. */
export function erasureRoutes({ database, afterRequest }: ErasureRoutesOptions): Route[] {
  return [
    {
      method: "POST",
      path: "/api/users/:id/erase",
      view: "privacy.user_erase",
      access: "permission",
      summary: "Erase a user's events, vectors and dead letters, and take them out of the windows.",
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
          afterRequest: afterRequest(),
        });
        return { status: 202, headers: { location: `/api/erasures/${erasure.id}` }, body: erasure };
      },
    },
    {
      method: "DELETE",
      path: "/api/users/:id/block",
      view: "privacy.user_unblock",
      access: "permission",
      summary: "Lift the block of an erased user: events of the user are accepted again.",
      errors: ["not_found"],
      responses: { 200: { description: "Lifted.", schema: liftedBlockSchema } },
      async handle({ params, principal }) {
        const lifted = await liftBlock(database, {
          userKey: params["id"] ?? "",
          actor: principal.service,
        });
        return { status: 200, body: lifted };
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
