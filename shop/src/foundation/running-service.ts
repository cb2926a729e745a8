import type { Logger } from "./logger.ts";
import type { Environment } from "./settings.ts";

/** What `main.ts` gives to each service. */
export interface ServiceContext {
  readonly environment: Environment;
  readonly logger: Logger;
  /** Ends a start that still waits, e.g. for its database. */
  readonly signal: AbortSignal;
}

export interface RunningService {
  readonly name: string;
  /** Where it listens; empty for a service without HTTP. */
  readonly url: string;
  /** Finishes the requests in progress, then closes what the service opened, last opened first. Idempotent. */
  close(): Promise<void>;
}

/** Makes a service of a stack of open resources; `close` disposes of them in reverse order. */
export function runningService(
  { name, url }: { readonly name: string; readonly url: string },
  resources: AsyncDisposableStack,
): RunningService {
  const kept = resources.move();
  return { name, url, close: () => kept.disposeAsync() };
}
