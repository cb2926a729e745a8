/** A store of values that can be computed again. No method rejects: without its store a cache knows nothing. */
export interface Cache {
  /** False while the store is down. */
  readonly isUp: boolean;
  get(key: string): Promise<Buffer | undefined>;
  set(key: string, value: Buffer, ttlMs: number): Promise<void>;
  /**
   * Makes the caller the one, among all that share the store, who computes the value of `key`, for at most `ttlMs`.
   * Resolves with what ends that; undefined when another caller computes it.
   */
  claim(key: string, ttlMs: number): Promise<(() => Promise<void>) | undefined>;
}
