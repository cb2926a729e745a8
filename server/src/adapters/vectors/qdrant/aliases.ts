/** Aliases in Qdrant. */
import { type VectorStore, VectorStoreError } from "../../../core/ports/vector-store.ts";
import type { Call, Client } from "./calls.ts";

export function aliasCalls(client: Client): Pick<VectorStore, "switchAliases" | "aliases"> {
  return {
    async switchAliases(aliases, call) {
      const targets = Object.entries(aliases);
      if (targets.length === 0) return;
      // checked first, because Qdrant applies the actions that precede one that it refuses
      const { collections } = await client.call<{ collections: { name: string }[] }>(
        "GET",
        "/collections",
        { options: call },
      );
      const existing = new Set(collections.map((collection) => collection.name));
      const missing = targets.find(([, collection]) => !existing.has(collection));
      if (missing !== undefined) {
        throw new VectorStoreError(`There is no collection "${missing[1]}" for an alias.`, {
          code: "not_found",
        });
      }
      const current = await listAliases(client, call);
      const actions = targets.flatMap(([alias, collection]) => [
        ...(current[alias] === undefined ? [] : [{ delete_alias: { alias_name: alias } }]),
        { create_alias: { alias_name: alias, collection_name: collection } },
      ]);
      await client.call("POST", "/collections/aliases", { body: { actions }, options: call });
    },

    aliases: (call) => listAliases(client, call),
  };
}

async function listAliases(client: Client, call: Call): Promise<Record<string, string>> {
  const { aliases } = await client.call<{
    aliases: { alias_name: string; collection_name: string }[];
  }>("GET", "/aliases", { options: call });
  return Object.fromEntries(aliases.map((entry) => [entry.alias_name, entry.collection_name]));
}
