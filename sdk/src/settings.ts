import type { RetryPolicy } from "./retry.ts";
import type { ClientOptions } from "./types.ts";

/** Limits of the contract. Only types are imported from `@weir/protocol`; a test compares the values. */
export const contract = { eventBytes: 64 * 1024, batchEvents: 2_000, batchBytes: 10 * 1024 * 1024 };

/** Browsers allow 64 KiB of `keepalive` bodies at a time, over all requests of the page. */
export const keepaliveBytes = 60 * 1024;

export interface Settings {
  readonly endpoint: string;
  readonly batch: { readonly events: number; readonly bytes: number; readonly delayMs: number };
  readonly queue: {
    readonly events: number;
    readonly bytes: number;
    readonly whenFull: "drop_newest" | "drop_oldest";
  };
  readonly retry: RetryPolicy;
  readonly requestTimeoutMs: number;
  readonly exitTimeoutMs: number;
}

/** Fills in the defaults. @throws RangeError or TypeError for invalid options */
export function readSettings(options: ClientOptions): Settings {
  const url = new URL(options.url);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new TypeError(`url must start with http:// or https://, not ${url.protocol}`);
  }
  if (options.key.trim() === "") throw new TypeError("key is empty");
  const batch = options.batch ?? {};
  const queue = options.queue ?? {};
  const settings: Settings = {
    endpoint: `${url.origin}${url.pathname.replace(/\/+$/, "")}/api/events/batch`,
    batch: {
      events: Math.min(batch.events ?? 500, contract.batchEvents),
      bytes: Math.min(batch.bytes ?? 512 * 1024, contract.batchBytes),
      delayMs: batch.delayMs ?? 250,
    },
    queue: {
      events: queue.events ?? 10_000,
      bytes: queue.bytes ?? 16 * 1024 * 1024,
      whenFull: queue.whenFull ?? "drop_newest",
    },
    retry: { baseMs: 250, maxMs: 30_000, maxAttempts: Number.POSITIVE_INFINITY, ...options.retry },
    requestTimeoutMs: options.requestTimeoutMs ?? 10_000,
    exitTimeoutMs: options.exitTimeoutMs ?? 2_000,
  };
  requireAtLeast(1, {
    "batch.events": settings.batch.events,
    "batch.bytes": settings.batch.bytes,
    "queue.events": settings.queue.events,
    "queue.bytes": settings.queue.bytes,
    "retry.maxAttempts": settings.retry.maxAttempts,
    requestTimeoutMs: settings.requestTimeoutMs,
  });
  requireAtLeast(0, {
    "batch.delayMs": settings.batch.delayMs,
    "retry.baseMs": settings.retry.baseMs,
    "retry.maxMs": settings.retry.maxMs,
    exitTimeoutMs: settings.exitTimeoutMs,
  });
  return settings;
}

function requireAtLeast(least: number, numbers: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(numbers)) {
    if (!(value >= least)) throw new RangeError(`${name} must be at least ${least}, not ${value}`);
  }
}

export type Callbacks = Required<
  Pick<ClientOptions, "onVerdict" | "onDrop" | "onRefused" | "onRetry" | "onStoreError">
>;

/**
 * The given callbacks, with console warnings in place of missing ones, so that no loss is silent. An
 * error in a callback surfaces as uncaught and does not stop the client.
 */
export function readCallbacks(options: ClientOptions): Callbacks {
  const said = new Set<string>();
  const once = (topic: string, text: string) => {
    if (said.has(topic)) return;
    said.add(topic);
    console.warn(`weir: ${text} (shown once; pass a callback to see each)`);
  };
  const warnAboutVerdict: Callbacks["onVerdict"] = (result) => {
    if (result.verdict !== "rejected" && result.verdict !== "conflict") return;
    const why = result.detail ?? result.code ?? "";
    once(result.verdict, `event ${result.event_id} was answered ${result.verdict}: ${why}`);
  };
  const warnAboutDrop: Callbacks["onDrop"] = ({ reason, detail }) =>
    once(`drop ${reason}`, `an event was dropped, ${reason}: ${detail}`);
  return {
    onVerdict: guard(options.onVerdict ?? warnAboutVerdict),
    onDrop: guard(options.onDrop ?? warnAboutDrop),
    onRefused: guard(options.onRefused ?? ((error) => console.error(`weir: ${error.message}`))),
    onRetry: guard(options.onRetry ?? (() => undefined)),
    onStoreError: guard(
      options.onStoreError ?? ((error) => once("store", `the store failed: ${String(error)}`)),
    ),
  };
}

function guard<T>(callback: (argument: T) => void): (argument: T) => void {
  return (argument) => {
    try {
      callback(argument);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  };
}
