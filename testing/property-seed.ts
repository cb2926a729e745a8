/**
 * Loaded before every test file: property tests use one fixed seed, so that a run
 * fails because of a change and not by chance. `WEIR_TEST_SEED=random` explores further seeds,
 * `WEIR_TEST_SEED=<n>` repeats one.
 */
import fc from "fast-check";

const chosen = process.env.WEIR_TEST_SEED ?? "20240115";
if (chosen !== "random") {
  const seed = Number(chosen);
  if (!Number.isInteger(seed))
    throw new Error(`WEIR_TEST_SEED is "random" or a whole number, not "${chosen}"`);
  fc.configureGlobal({ seed });
}
