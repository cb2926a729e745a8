import { type FSWatcher, watch } from "node:fs";
import { messageOf } from "../core/errors.ts";
import { loadConfig } from "./load.ts";
import type { Config } from "./schema.ts";
import { withHotSettings } from "./settings.ts";

export interface WatchedConfig {
  current(): Config;
  onChange(listener: (config: Config) => void): void;
  close(): void;
}

/** Editors write a file in several steps; it is read once, after the last of them. */
const settleMs = 200;

/**
 * Follows `weir.yaml` and applies the settings that take effect at run time. All others keep the
 * value of the start. An invalid file changes nothing. Where the system has no file watchers left,
 * the process runs on without following the file. `onProblem` reports either case in a sentence.
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
      const changed = withHotSettings(config, loadConfig({ env: process.env, cwd }));
      if (JSON.stringify(changed) === JSON.stringify(config)) return;
      config = changed;
      for (const listener of listeners) listener(config);
    } catch (error) {
      onProblem(`weir.yaml was not applied: ${messageOf(error)}`);
    }
  };
  const refused = (error: unknown) =>
    onProblem(`weir.yaml is not watched; changes need a restart: ${messageOf(error)}`);
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
