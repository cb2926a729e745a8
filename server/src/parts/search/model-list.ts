import { modelSchema, schema } from "@weir/protocol";
import type { Route } from "../../core/ports/route.ts";
import type { SearchContext } from "./context.ts";

export function modelListRoute({ models, searcher }: SearchContext): Route {
  return {
    method: "GET",
    path: "/api/models",
    view: "search.model_list",
    access: "permission",
    summary: "The embedders: which one is live, and which are being filled.",
    errors: ["search_unavailable"],
    responses: {
      200: {
        description: "Oldest first.",
        schema: schema.object({ models: schema.array(modelSchema) }),
      },
    },
    async handle({ signal }) {
      const listed = await models.all();
      const rows = await Promise.all(
        listed.map(async (model) => {
          const name = model.collections.products;
          const info =
            name === undefined
              ? undefined
              : await searcher.ask(signal, (store, options) => store.collection(name, options));
          return {
            id: model.id,
            kind: model.kind,
            dimension: model.dimension,
            state: model.state,
            automatic: model.automatic,
            wanted: model.wanted,
            corpus_texts: model.corpusTexts,
            points: info?.points ?? null,
            created_at: model.createdAt.toISOString(),
            live_at: model.liveAt?.toISOString() ?? null,
            error: model.error,
          };
        }),
      );
      return { status: 200, body: { models: rows } };
    },
  };
}
