export interface Deadline<T> {
  readonly ms: number;
  /** The result when the work takes longer. */
  readonly late: T;
}

/** The result of `work`, or `late` after `ms`: a frozen server answers nothing at all. */
export async function withDeadline<T>(
  work: () => Promise<T>,
  { ms, late }: Deadline<T>,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<T>((resolve) => {
    timer = setTimeout(resolve, ms, late);
  });
  return Promise.race([work(), expired]).finally(() => clearTimeout(timer));
}
