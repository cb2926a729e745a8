import { availableParallelism } from "node:os";
import type { RerunRules } from "./test-reruns.ts";

export interface Group {
  readonly files: readonly string[];
  readonly without: readonly string[];
  /** Files that compare times, rates or memory, or that fill the machine: they run first, one after the other. */
  readonly alone: readonly string[];
  /** Of the other files, how many run at the same time. */
  readonly concurrency: number;
  /** Time limit of one file, in milliseconds. */
  readonly timeout: number;
  /** In CI, files that were late run once more. */
  readonly reruns?: RerunRules;
}

const promises = "{server,shop}/test/promises/**/*.test.ts";
const services = "{server,shop}/test/{services,e2e}/**/*.test.ts";

export const groups: Readonly<Record<string, Group>> = {
  unit: {
    files: ["{protocol,sdk,server,shop,dashboard,bench,scripts}/**/*.test.ts"],
    without: [promises, services],
    alone: [],
    // two more than cores, because database tests mostly wait for PostgreSQL
    concurrency: availableParallelism() + 2,
    timeout: 240_000,
  },
  promises: {
    files: [promises],
    without: [],
    alone: [
      "server/test/promises/clock-steps.test.ts", // a revocation within 1 s
      "server/test/promises/frozen-process.test.ts", // longest time without an acknowledged event; two at once by itself
      "server/test/promises/revocation.test.ts", // a revocation within 1 s
      "server/test/promises/two-http-processes.test.ts", // a revocation within 1 s
      "server/test/promises/unknown-senders.test.ts", // memory against what was sent
    ],
    // each waits for processes that end, recover or are suspended, more than it computes
    concurrency: 3,
    timeout: 600_000,
    reruns: { states: [] },
  },
  services: {
    files: [services],
    without: [],
    alone: [
      "server/test/e2e/metrics.test.ts", // answers within 2 s
      "server/test/e2e/demo-month.test.ts", // a second start within 20 s
      "server/test/services/redis/*.test.ts", // answers within 1 s without Redis
      "server/test/services/{spark/*,servers/spark}.test.ts", // three JVMs
    ],
    concurrency: 3,
    timeout: 600_000,
    reruns: {
      states: [
        "shop/test/services/storefront-in-browser.test.ts",
        "server/test/e2e/{page,search-page,docs-page,metrics,start-and-stop,stop-signals,demo-month}.test.ts",
        "server/test/services/{servers,containers}/*.test.ts",
        "server/test/services/kafka/{client,security,demo-traffic}.test.ts",
        "server/test/services/redis/cache.test.ts",
        "server/test/services/spark/{weir-up,job-checks}.test.ts",
        "server/test/services/{vector-store-down,embedders-side-by-side}.test.ts",
      ],
    },
  },
  /** For the test of `run-tests.ts`. */
  fixtures: {
    files: ["testing/runner-fixtures/*.test.ts"],
    without: [],
    alone: [],
    concurrency: 1,
    timeout: 60_000,
    reruns: { states: ["**/wrong-once.test.ts"] },
  },
};
