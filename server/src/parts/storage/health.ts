import type { HealthCheck } from "../../core/ports/health-check.ts";
import type { Storage } from "./storage.ts";

/** Whether there is space for events, by file system. */
export function storageCheck(storage: Pick<Storage, "refusal" | "states">): HealthCheck {
  return async () => {
    const { refusal, states } = storage;
    const low = states.filter(({ level }) => level !== "ok").map(({ folder }) => folder);
    const facts = Object.fromEntries(
      states.map(({ folder, level, space, reserveBytes, resumeBytes }) => [
        folder,
        {
          level,
          free_bytes: space.freeBytes,
          total_bytes: space.totalBytes,
          reserve_bytes: reserveBytes,
          resume_bytes: resumeBytes,
          free_files: space.freeFiles ?? null,
        },
      ]),
    );
    if (refusal !== undefined) return { status: "down", detail: refusal, facts };
    if (low.length === 0) return { status: "ok", facts };
    return { status: "degraded", detail: `little space is left for ${low.join(", ")}`, facts };
  };
}
