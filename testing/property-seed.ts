/**
 * Loaded before every test file: property tests start from one known seed, so that a change turns a
 * run red and not chance. `WEIR_TEST_SEED=random` looks further, `WEIR_TEST_SEED=<n>` repeats a find.
 */
import fc from "fast-check";

const chosen = process.env.WEIR_TEST_SEED ?? "20240115";
if (chosen !== "random") {
  const seed = Number(chosen);
  if (!Number.isInteger(seed))
    throw new Error(`WEIR_TEST_SEED is "random" or a whole number, not "${chosen}"`);
  fc.configureGlobal({ seed });
}
