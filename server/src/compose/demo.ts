/** The process that sends sample data and simulated traffic: a client of the HTTP server. */
import { join } from "node:path";
import { writeFileAtomically } from "../adapters/files/atomic-file.ts";
import { demoResume, openDemoState } from "../parts/demo/demo-state.ts";
import { type DemoProgress, runDemo } from "../parts/demo/run-demo.ts";
import { readDemoKeys } from "../process/installation.ts";
import { runsShop } from "../process/shop/services.ts";
import { aborted } from "../process/signals.ts";
import type { Compose } from "./options.ts";

export const compose: Compose = async ({ config, logger, serverUrl }) => {
  const { data_dir: dataDir, demo, retention } = config();
  const file = openDemoState(join(dataDir, "demo.json"), {
    now: new Date(),
    write: writeFileAtomically,
  });
  const keys = readDemoKeys(dataDir);
  // the visitors of the shop replace simulated events
  const hasShoppers = runsShop(config()) && config().shop.traffic.enabled;
  const finished = Promise.withResolvers<void>();
  let historyToSend = 0;
  let problem: string | undefined;

  function onProgress(progress: DemoProgress): void {
    const { phase, total, sent } = progress;
    historyToSend = phase === "history" ? Math.max(0, total - sent) : 0;
    if (progress.problem === problem) return;
    problem = progress.problem;
    if (problem !== undefined) logger.warn({ problem }, "demo");
  }

  return {
    parts: [
      {
        name: "demo",
        problem: () => problem,
        async run(signal) {
          const url = serverUrl();
          if (url === undefined) throw new Error("the URL of Weir is not known; pass --url");
          await runDemo({
            url,
            keys,
            signal,
            rate: demo.rate,
            live: !hasShoppers,
            ...demoResume(file, {
              historyDays: demo.history_days,
              keptDays: retention.raw_days,
            }),
            onProgress,
          });
          if (!signal.aborted) finished.resolve();
          await aborted(signal);
        },
      },
    ],
    ...(hasShoppers ? { finished: finished.promise } : {}),
    counters: () => ({ samples_to_send: historyToSend }),
  };
};
