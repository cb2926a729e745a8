import type { Metrics } from "../../core/ports/metrics.ts";
import type { Storage } from "./storage.ts";

/** The room of each folder, and whether events are refused for lack of it. */
export function observeStorage(
  metrics: Metrics,
  storage: Pick<Storage, "refusal" | "states">,
): void {
  const labels = ["folder"];
  const gauge = (name: string, help: string) => metrics.gauge({ name, help, labels });
  const free = gauge("weir_storage_free_bytes", "Free space on the file system of a folder");
  const total = gauge("weir_storage_total_bytes", "Size of the file system of a folder");
  const reserve = gauge("weir_storage_reserve_bytes", "Space that must stay free there");
  const refusing = metrics.gauge({
    name: "weir_storage_refusing_events",
    help: "1 while no events are accepted because a disk is full or nearly full",
  });
  metrics.onCollect(async () => {
    for (const metric of [free, total, reserve]) metric.reset();
    for (const { folder, space, reserveBytes } of storage.states) {
      free.set({ folder }, space.freeBytes);
      total.set({ folder }, space.totalBytes);
      reserve.set({ folder }, reserveBytes);
    }
    refusing.set(storage.refusal === undefined ? 0 : 1);
  });
}
