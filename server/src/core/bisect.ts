/** Finds the few items that make a batch fail. */

export interface Bisected<T> {
  /** Items of the attempts that succeeded. */
  readonly done: readonly T[];
  /** Each failed alone. */
  readonly poisoned: readonly { readonly item: T; readonly error: unknown }[];
}

/**
 * Attempts all items; if that fails because of an item, halves them until single items fail alone: at
 * most 2 p log2(n) + 1 attempts for p bad items among n. A rejected attempt must have no effect. Halves
 * are attempted in order, never concurrently.
 * @param isPoison whether an error is caused by the items; any other error is rethrown at once. Default: every
 *   error that does not say `retryable: true`.
 */
export async function bisect<T>(
  items: readonly T[],
  attempt: (items: readonly T[]) => Promise<void>,
  { isPoison = isFinal }: { readonly isPoison?: (error: unknown) => boolean } = {},
): Promise<Bisected<T>> {
  if (items.length === 0) return { done: [], poisoned: [] };
  try {
    await attempt(items);
    return { done: items, poisoned: [] };
  } catch (error) {
    if (!isPoison(error)) throw error;
    const [first] = items;
    if (items.length === 1 && first !== undefined)
      return { done: [], poisoned: [{ item: first, error }] };
  }
  const middle = Math.ceil(items.length / 2);
  const left = await bisect(items.slice(0, middle), attempt, { isPoison });
  const right = await bisect(items.slice(middle), attempt, { isPoison });
  return { done: [...left.done, ...right.done], poisoned: [...left.poisoned, ...right.poisoned] };
}

function isFinal(error: unknown): boolean {
  return (error as { readonly retryable?: unknown } | null)?.retryable !== true;
}
