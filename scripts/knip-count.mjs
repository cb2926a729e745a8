/**
 * A reporter that prints how many files knip read, so that `check.ts` notices when there were none.
 * @param {{ counters: { processed: number } }} result
 */
export default function countFiles({ counters }) {
  process.stdout.write(`Checked ${counters.processed} files\n`);
}
