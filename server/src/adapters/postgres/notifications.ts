import pg from "pg";
import type { Notifications } from "../../core/ports/database.ts";
import { createBackoff, jittered } from "../../timing/backoff.ts";

export interface NotificationsOptions {
  readonly url: string;
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly applicationName: string;
  /** Called for every broken connection; reconnects automatically. */
  readonly onError?: (error: Error) => void;
  /** Interval of the heartbeat queries; default 15 s. */
  readonly heartbeatMs?: number;
  /** Uniform in [0, 1), for the jitter between attempts to reconnect. */
  readonly random?: () => number;
}

export interface NotificationsConnection extends Notifications {
  /** Idempotent. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const connectTimeoutMs = 5_000;
const heartbeatLimitMs = 5_000;

/**
 * One listening connection; connects at the first subscription. After a reconnect all subscribers
 * are woken, because notifications sent meanwhile are lost.
 */
export function openNotifications(options: NotificationsOptions): NotificationsConnection {
  const listener = new Listener(options);
  return {
    subscribe: (channel, wake) => listener.subscribe(channel, wake),
    close: () => listener.close(),
    [Symbol.asyncDispose]: () => listener.close(),
  };
}

class Listener {
  readonly #options: NotificationsOptions;
  readonly #wakes = new Map<string, Set<() => void>>();
  #client: pg.Client | undefined;
  #ready = false;
  #retry: NodeJS.Timeout | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  readonly #backoff = createBackoff({ firstMs: 50, lastMs: 5_000 });
  /** The driver runs one statement at a time. */
  #last: Promise<unknown> = Promise.resolve();
  #wasConnected = false;
  #closed = false;

  constructor(options: NotificationsOptions) {
    this.#options = options;
  }

  subscribe(channel: string, wake: () => void): () => void {
    if (!/^[a-z_][a-z0-9_]{0,62}$/.test(channel))
      throw new Error(`${channel} is not a channel name`);
    if (this.#closed) throw new Error("The notifications are closed.");
    const wakes = this.#wakes.get(channel) ?? new Set();
    // a separate function for each subscription: the same `wake` may be passed twice
    const own = (): void => wake();
    wakes.add(own);
    if (!this.#wakes.has(channel)) {
      this.#wakes.set(channel, wakes);
      if (this.#client === undefined && this.#retry === undefined) void this.#connect();
      else if (this.#ready) this.#send(`listen ${channel}`);
    }
    return () => {
      wakes.delete(own);
      if (wakes.size > 0 || this.#wakes.get(channel) !== wakes) return;
      this.#wakes.delete(channel);
      if (this.#ready) this.#send(`unlisten ${channel}`);
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    clearInterval(this.#heartbeat);
    const client = this.#client;
    this.#client = undefined;
    this.#ready = false;
    if (client === undefined) return;
    const cut = setTimeout(() => destroy(client), 1_000);
    await client.end().catch(() => {});
    clearTimeout(cut);
  }

  async #connect(): Promise<void> {
    this.#retry = undefined;
    const { url, tls, applicationName } = this.#options;
    const client = new pg.Client({
      connectionString: url,
      application_name: `${applicationName} listen`,
      connectionTimeoutMillis: connectTimeoutMs,
      query_timeout: heartbeatLimitMs,
      keepAlive: true,
      ...(tls === undefined ? {} : { ssl: { ...tls, rejectUnauthorized: true } }),
    });
    this.#client = client;
    client.on("error", (error) => this.#lost(client, error));
    client.on("end", () => this.#lost(client, new Error("The connection ended.")));
    client.on("notification", ({ channel }) => this.#wake(channel));
    try {
      await client.connect();
      for (const channel of this.#wakes.keys()) await client.query(`listen ${channel}`);
    } catch (error) {
      this.#lost(client, error as Error);
      return;
    }
    if (this.#client !== client) return;
    this.#ready = true;
    this.#backoff.reset();
    // channels subscribed while the others were sent; listening twice is harmless
    for (const channel of this.#wakes.keys()) this.#send(`listen ${channel}`);
    this.#heartbeat = setInterval(
      () => this.#send("select"),
      this.#options.heartbeatMs ?? 15_000,
    ).unref();
    if (this.#wasConnected) for (const channel of this.#wakes.keys()) this.#wake(channel);
    this.#wasConnected = true;
  }

  /** A statement that fails or gets no answer means that the connection is unusable. */
  #send(text: string): void {
    const client = this.#client;
    if (client === undefined) return;
    this.#last = this.#last
      .then(() => (this.#client === client ? client.query(text) : undefined))
      .catch((error: Error) => this.#lost(client, error));
  }

  #lost(client: pg.Client, error: Error): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    this.#ready = false;
    clearInterval(this.#heartbeat);
    destroy(client);
    if (this.#closed) return;
    this.#options.onError?.(error);
    const delayMs = jittered(this.#backoff.next(), this.#options.random ?? Math.random);
    this.#retry = setTimeout(() => void this.#connect(), delayMs);
  }

  #wake(channel: string): void {
    for (const wake of this.#wakes.get(channel) ?? []) wake();
  }
}

function destroy(client: pg.Client): void {
  const { connection } = client as unknown as {
    readonly connection: { readonly stream: { destroy(): void } };
  };
  connection.stream.destroy();
}
