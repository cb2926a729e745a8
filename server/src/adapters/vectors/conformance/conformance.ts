/**
 * What every driver of the port `vector store` does. A driver's test file calls
 * `vectorStoreConformance`; the tests make collections of their own and remove them, so that they may
 * run on a server that others use. Where words leave room, Qdrant's behaviour is the rule:
 * `score_threshold` excludes, ties come in any order, a vector of zeros scores 0.
 */
import { conformanceOfCollections } from "./collections.ts";
import { conformanceOfPoints } from "./points.ts";
import { conformanceOfQueries } from "./queries.ts";
import type { OpenStore } from "./setup.ts";

export function vectorStoreConformance(open: OpenStore): void {
  conformanceOfCollections(open);
  conformanceOfPoints(open);
  conformanceOfQueries(open);
}
