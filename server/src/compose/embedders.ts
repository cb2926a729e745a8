/** Embedders of stored models. The key of an endpoint comes from the configuration and is never stored. */
import {
  createEmbedder,
  type StoredModel as OpenableModel,
} from "../adapters/embeddings/embedders.ts";
import type { Config } from "../config/schema.ts";
import type { Database } from "../core/ports/database.ts";
import type { Guard } from "../core/ports/guard.ts";
import { createEmbedderShelf, type EmbedderShelf } from "../parts/models/embedder-shelf.ts";
import type { StoredModel } from "../parts/models/ports.ts";

/** What requests to an endpoint need and vectors.models does not hold. */
export interface HttpEmbedderAccess {
  readonly settings: () => Config["embeddings"]["http"];
  /** The guard `embedder`. */
  readonly guard: () => Guard;
}

/** `vectors.models.settings` of a model of the kind `http`: stored unencrypted, so without any key. */
export interface HttpModelSettings {
  /** Without its query, which may hold a key. */
  readonly endpoint: string;
  readonly model: string;
}

/** @param http without it models of the kind `http` cannot be opened. */
export function openEmbedderShelf(database: Database, http?: HttpEmbedderAccess): EmbedderShelf {
  return createEmbedderShelf(database, (stored) => createEmbedder(openable(stored, http)));
}

function openable(stored: StoredModel, http: HttpEmbedderAccess | undefined): OpenableModel {
  switch (stored.kind) {
    case "transformer":
      return { kind: stored.kind, settings: stored.settings as { folder: string } };
    case "http":
      if (http === undefined) throw new Error("embedders of the kind http are not available here");
      return httpModel(stored.settings as unknown as HttpModelSettings, http);
    default:
      return stored;
  }
}

/** The configured query and key are sent to the configured endpoint only. */
export function httpModel(
  { endpoint, model }: HttpModelSettings,
  { settings, guard }: HttpEmbedderAccess,
): OpenableModel {
  const configured = settings();
  const isConfigured = configured.url !== null && endpointOf(configured.url) === endpoint;
  return {
    kind: "http",
    settings: { url: isConfigured ? (configured.url as string) : endpoint, model },
    ...(isConfigured && configured.api_key !== null ? { apiKey: configured.api_key } : {}),
    guard: guard(),
  };
}

/** A URL without its query and its user. @throws TypeError when it is not a URL. */
export function endpointOf(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}
