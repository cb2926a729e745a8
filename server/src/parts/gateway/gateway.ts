import { type CloseReason, liveFeed } from "@weir/protocol";
import type { Principal } from "../../core/access/principal.ts";
import { WeirError } from "../../core/errors.ts";
import type { Part } from "../../core/ports/part.ts";
import { readQueryString } from "../../core/query-string.ts";
import { pause } from "../../timing/pause.ts";
import { decodeCursor } from "./cursor.ts";
import { Feed } from "./feed.ts";
import { filterOfQuery } from "./filter.ts";
import { Member } from "./member.ts";
import type {
  GatewayLimits,
  GatewayOptions,
  GatewayStats,
  LiveSocket,
  SocketListener,
  UpgradeRequest,
} from "./ports.ts";

/** The permission that reading the live feed needs. */
export const livePermission = "live.get.event_feed";

export interface Gateway {
  /** Reads the log for the sockets until the signal aborts; then closes all sockets within a second. */
  readonly part: Part;
  /**
   * Decides about an upgrade. Resolves with the handler of the opened socket; call `abandon` if it never
   * opens.
   * @throws WeirError with the HTTP answer: 400 `invalid_query`, 401, 403, 429, 503
   */
  accept(request: UpgradeRequest): Promise<Admission>;
  /**
   * Accepts no more sockets and closes the open ones with 1001, within a second. Call this before
   * `close` of the HTTP server, which waits for its upgraded connections.
   */
  close(): Promise<void>;
  stats(): GatewayStats;
}

export interface Admission {
  open(socket: LiveSocket): SocketListener;
  abandon(): void;
}

const defaults: GatewayLimits = {
  sockets: 500,
  socketsPerKey: 50,
  replayEvents: 10_000,
  replayMs: 60 * 60 * 1000,
  backlogBytes: liveFeed.backlogBytes,
  heartbeatMs: liveFeed.heartbeatSeconds * 1000,
  // plus the half second that a directory without notifications may be late: still within one second
  recheckMs: 400,
  pollMs: 500,
  readEveryMs: 10,
};

/** The live feed `/ws/events`. */
export function createGateway(options: GatewayOptions): Gateway {
  const gateway = new LiveGateway(options);
  return {
    part: gateway.part,
    accept: (request) => gateway.accept(request),
    close: () => gateway.close(),
    stats: () => gateway.stats(),
  };
}

class LiveGateway {
  readonly part: Part;
  readonly #options: GatewayOptions;
  readonly #limits: GatewayLimits;
  readonly #feed: Feed;
  /** Sockets and running upgrades, by key. */
  readonly #seats = new Map<string, number>();
  readonly #open = new Set<Member>();
  readonly #closed = {
    slow_reader: 0,
    key_revoked: 0,
    forbidden: 0,
    bad_frame: 0,
    going_away: 0,
    peer: 0,
    dead: 0,
  };
  #taken = 0;
  #stopping = false;
  #rechecking: Promise<void> | undefined;
  #recheckAgain = false;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#limits = { ...defaults, ...options.limits };
    this.#feed = new Feed(options, this.#limits);
    this.part = {
      name: "gateway",
      run: (signal) => this.#run(signal),
      problem: () => this.#feed.problem,
    };
  }

  async accept(request: UpgradeRequest): Promise<Admission> {
    if (this.#stopping)
      throw new WeirError("unavailable", { detail: "the server is shutting down" });
    const principal = await this.#authorise(request);
    const { cursor, filter } = readQuery(request.query);
    const release = this.#takeSeat(principal.keyId);
    return {
      abandon: release,
      open: (socket) => {
        const member = new Member({
          socket,
          request,
          cursor,
          filter,
          limits: this.#limits,
          encodeFrame: this.#options.encodeFrame,
          onClosed: (closed, reason) => {
            this.#closed[reason]++;
            this.#open.delete(closed);
            this.#feed.leave(closed);
            release();
          },
        });
        this.#open.add(member);
        if (this.#stopping) member.close("going_away", "the server is shutting down");
        else this.#feed.join(member);
        return member;
      },
    };
  }

  stats(): GatewayStats {
    return { sockets: this.#open.size, ...this.#feed.counts, closed: { ...this.#closed } };
  }

  async #authorise(request: UpgradeRequest): Promise<Principal> {
    const principal = await this.#options.authorise(request);
    if (!principal.may(livePermission)) {
      throw new WeirError("forbidden", { permission: livePermission });
    }
    if (principal.via === "session") this.#checkOrigin(request);
    return principal;
  }

  /** Browsers send the cookie with any page's WebSocket: only our own and allowed origins may use it. */
  #checkOrigin({ headers }: UpgradeRequest): void {
    const { origin, host } = headers;
    if (origin !== undefined) {
      if (this.#options.allowedOrigins.includes(origin)) return;
      if (URL.canParse(origin) && new URL(origin).host === host) return;
    }
    throw new WeirError("csrf", {
      detail: `pages of ${origin ?? "no origin"} may not open the live feed`,
    });
  }

  #takeSeat(keyId: string): () => void {
    const ofKey = this.#seats.get(keyId) ?? 0;
    if (this.#taken >= this.#limits.sockets) {
      throw new WeirError("overloaded", {
        detail: `the limit of ${this.#taken} open live feeds is reached`,
      });
    }
    if (ofKey >= this.#limits.socketsPerKey) {
      throw new WeirError("rate_limited", {
        detail: `this key already has ${ofKey} open live feeds`,
      });
    }
    this.#taken++;
    this.#seats.set(keyId, ofKey + 1);
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#taken--;
      const left = (this.#seats.get(keyId) ?? 1) - 1;
      if (left === 0) this.#seats.delete(keyId);
      else this.#seats.set(keyId, left);
    };
  }

  async #run(signal: AbortSignal): Promise<void> {
    this.#stopping = false;
    const beat = setInterval(() => this.#beat(), this.#limits.heartbeatMs);
    const recheck = setInterval(() => this.#recheck(), this.#limits.recheckMs);
    const unsubscribe = this.#options.onDirectoryChange?.(() => this.#recheck());
    try {
      await this.#feed.run(signal);
    } finally {
      clearInterval(beat);
      clearInterval(recheck);
      unsubscribe?.();
      await this.close();
    }
  }

  async close(): Promise<void> {
    this.#stopping = true;
    for (const member of this.#open) member.close("going_away", "the server is shutting down");
    const deadline = performance.now() + 700;
    while (this.#open.size > 0 && performance.now() < deadline) await pause(10);
    for (const member of this.#open) member.terminate();
  }

  #beat(): void {
    const at = new Date((this.#options.now ?? Date.now)()).toISOString();
    for (const member of this.#open) member.beat(this.#feed.place, at);
  }

  #recheck(): void {
    // a change during a check needs another check
    if (this.#rechecking !== undefined) {
      this.#recheckAgain = true;
      return;
    }
    this.#rechecking = this.#recheckAll().finally(() => {
      this.#rechecking = undefined;
      if (!this.#recheckAgain) return;
      this.#recheckAgain = false;
      this.#recheck();
    });
  }

  /** Checks once for all sockets with the same credentials. */
  async #recheckAll(): Promise<void> {
    const byCredentials = new Map<string, Member[]>();
    for (const member of this.#open) {
      const { headers } = member.request;
      const shown = [headers["x-api-key"], headers.authorization, headers.cookie, headers.origin];
      const name = JSON.stringify(shown);
      const same = byCredentials.get(name);
      if (same === undefined) byCredentials.set(name, [member]);
      else same.push(member);
    }
    const checks = [...byCredentials.values()].map(async (members) => {
      const [first] = members;
      if (first === undefined) return;
      const verdict = await this.#authorise(first.request).then(() => undefined, closeReasonOf);
      if (verdict === undefined) return;
      for (const member of members) member.close(verdict.code, verdict.detail);
    });
    await Promise.all(checks);
  }
}

/** The close reason for a refusal; none if the directory cannot answer at the moment. */
function closeReasonOf(error: unknown): { code: CloseReason; detail: string } | undefined {
  if (!(error instanceof WeirError)) return undefined;
  switch (error.code) {
    case "unauthenticated":
    case "key_malformed":
    case "key_expired":
    case "key_revoked":
      return { code: "key_revoked", detail: error.message };
    case "forbidden":
    case "csrf":
      return { code: "forbidden", detail: `${error.message} (${livePermission})` };
    default:
      return undefined;
  }
}

/** @throws WeirError `invalid_query` */
function readQuery(text: string) {
  const invalid = (pointer: string, detail: string) =>
    new WeirError("invalid_query", { detail, errors: [{ pointer, detail }] });
  const query = readQueryString(text);
  const read = filterOfQuery(query, ["cursor"]);
  if ("problem" in read) throw invalid("filter", read.problem);
  const cursors = query.filter(({ name }) => name === "cursor");
  const [first] = cursors;
  if (first === undefined || (first.value === "" && cursors.length === 1)) {
    return { filter: read.value, cursor: undefined };
  }
  const cursor = cursors.length === 1 ? decodeCursor(first.value) : undefined;
  if (cursor === undefined) {
    throw invalid("cursor", "send the cursor exactly as received in a frame");
  }
  return { filter: read.value, cursor };
}
