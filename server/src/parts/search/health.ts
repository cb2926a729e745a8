import { messageOf } from "../../core/errors.ts";
import { checkTimeoutMs, type HealthCheck } from "../../core/ports/health-check.ts";
import type { VectorStore } from "../../core/ports/vector-store.ts";

/** Whether the vector store answers. Without it searches fail; nothing else does. */
export function vectorStoreCheck(store: () => VectorStore): HealthCheck {
  return async () => {
    const started = performance.now();
    try {
      const { version } = await store().ping({ timeoutMs: checkTimeoutMs });
      return {
        status: "ok",
        ms: Math.round((performance.now() - started) * 100) / 100,
        facts: { driver: store().driver, version },
      };
    } catch (error) {
      return {
        status: "degraded",
        detail: "the vector store does not answer; points wait in PostgreSQL and are copied later",
        facts: { reason: messageOf(error) },
      };
    }
  };
}
