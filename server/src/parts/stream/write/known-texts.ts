import type { ModelCollections } from "../../../core/ports/collections.ts";

const mostKnown = 50_000;

/**
 * The hash of the text that each product is known to have in every collection: most events repeat the text of
 * their product, and it need not be embedded again.
 */
export class KnownTexts {
  readonly #hashes = new Map<string, string>();
  #collections = "";

  /** Forgets everything when the collections have changed. */
  follow(models: readonly ModelCollections[]): void {
    const current = fingerprint(models);
    if (current === this.#collections) return;
    this.#hashes.clear();
    this.#collections = current;
  }

  has(pointId: string, hash: string): boolean {
    return this.#hashes.get(pointId) === hash;
  }

  /** @param hashes by point id */
  add(hashes: ReadonlyMap<string, string>): void {
    if (this.#hashes.size > mostKnown) this.#hashes.clear();
    for (const [pointId, hash] of hashes) this.#hashes.set(pointId, hash);
  }

  /** After a rollback: what it took back may be among the known texts. */
  clear(): void {
    this.#hashes.clear();
  }
}

/** The same text for the same models with the same collections. */
export function fingerprint(models: readonly ModelCollections[]): string {
  return JSON.stringify(
    models.map(({ modelId, isLive, collections }) => [modelId, isLive, collections]),
  );
}
