import { type FSWatcher, watch } from "node:fs";
import { loadConfig, settings } from "./load.ts";
import type { Config } from "./schema.ts";

export interface WatchedConfig {
  current(): Config;
  onChange(listener: (config: Config) => void): void;
  close(): void;
}

/** Editors write a file in several steps; one read after they have settled is enough. */
const settleMs = 200;

/**
 * Follows `weir.yaml` and takes over the settings that are marked live. All others keep the value of
 * the start; a file that is not valid changes nothing.
 */
export function watchConfig(initial: Config, cwd = process.cwd()): WatchedConfig {
  let config = initial;
  let timer: NodeJS.Timeout | undefined;
  const listeners: ((config: Config) => void)[] = [];
  const reload = () => {
    try {
      const fresh = loadConfig({ env: process.env, cwd });
      const changed = withLiveSettings(config, fresh);
      if (JSON.stringify(changed) === JSON.stringify(config)) return;
      config = changed;
      for (const listener of listeners) listener(config);
    } catch {
      // A half-written or wrong file: what was valid stays in force; `weir config check` says why.
    }
  };
  const watcher: FSWatcher = watch(cwd, { persistent: false }, (_event, name) => {
    if (name !== "weir.yaml") return;
    clearTimeout(timer);
    timer = setTimeout(reload, settleMs);
  });
  watcher.on("error", () => watcher.close());
  return {
    current: () => config,
    onChange: (listener) => listeners.push(listener),
    close() {
      clearTimeout(timer);
      watcher.close();
    },
  };
}

/** `running` with the live settings of `fresh`. */
function withLiveSettings(running: Config, fresh: Config): Config {
  const copy = structuredClone(running) as Record<string, unknown>;
  for (const { path, node } of settings()) {
    if (node["x-hot"] !== true) continue;
    const names = path.split(".");
    const last = names.pop() as string;
    const from = names.reduce(
      (at: Record<string, unknown>, name) => at[name] as Record<string, unknown>,
      fresh as unknown as Record<string, unknown>,
    );
    const to = names.reduce(
      (at: Record<string, unknown>, name) => at[name] as Record<string, unknown>,
      copy,
    );
    to[last] = from[last];
  }
  return copy as unknown as Config;
}
