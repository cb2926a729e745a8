import type { Metrics } from "../../core/ports/metrics.ts";
import type { CacheState } from "./answer-cache.ts";

export function observeAnswers(metrics: Metrics): (state: CacheState) => void {
  const answers = metrics.counter({
    name: "weir_query_cache_answers_total",
    help: "Analytics answers with a cache: hit (computed for another request), miss (computed and kept), bypass (computed and not kept)",
    labels: ["state"],
  });
  return (state) => answers.inc({ state });
}
