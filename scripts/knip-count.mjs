/**
 * A reporter that says how many files knip read, so that a check of nothing is seen.
 * @param {{ counters: { processed: number } }} result
 */
export default function countFiles({ counters }) {
  process.stdout.write(`Checked ${counters.processed} files\n`);
}
