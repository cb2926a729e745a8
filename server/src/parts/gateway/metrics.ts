import type { Metrics } from "../../core/ports/metrics.ts";

export function observeGateway(
  metrics: Metrics,
  stats: () => { readonly sockets: number; readonly frames: number },
): void {
  const sockets = metrics.gauge({ name: "weir_live_sockets", help: "Open live feeds" });
  const frames = metrics.gauge({ name: "weir_live_frames", help: "Frames sent since the start" });
  metrics.onCollect(async () => {
    sockets.set(stats().sockets);
    frames.set(stats().frames);
  });
}
