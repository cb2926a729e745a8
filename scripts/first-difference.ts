/** Says where two texts part, or undefined when they are the same. */
export function firstDifference(committed: string, made: string): string | undefined {
  if (committed === made) return undefined;
  const before = committed.split("\n");
  const after = made.split("\n");
  const found = after.findIndex((line, index) => line !== before[index]);
  const index = found === -1 ? after.length : found;
  return (
    `is out of date from line ${index + 1}:\n` +
    `  committed: ${before[index] ?? "(end)"}\n  made now:  ${after[index] ?? "(end)"}`
  );
}
