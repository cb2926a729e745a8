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
 * the start. A file that is not valid changes nothing, and where the system gives no more watchers nothing is
 * followed: no reason not to run, but `onProblem` is told in a sentence.
 */
export function watchConfig(
  initial: Config,
  onProblem: (sentence: string) => void,
  cwd = process.cwd(),
): WatchedConfig {
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
    } catch (error) {
      onProblem(`weir.yaml is not taken over: ${messageOf(error)}`);
    }
  };
  const refused = (error: unknown) =>
    onProblem(`weir.yaml is not watched, a change of it waits for a restart: ${messageOf(error)}`);
  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(cwd, { persistent: false }, (_event, name) => {
      if (name !== "weir.yaml") return;
      clearTimeout(timer);
      timer = setTimeout(reload, settleMs);
    });
    watcher.on("error", (error) => {
      watcher?.close();
      refused(error);
    });
  } catch (error) {
    refused(error);
  }
  return {
    current: () => config,
    onChange: (listener) => listeners.push(listener),
    close() {
      clearTimeout(timer);
      watcher?.close();
    },
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
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
