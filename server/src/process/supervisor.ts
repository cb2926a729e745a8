import { type ChildProcess, spawn } from "node:child_process";
import { type Backoff, createBackoff } from "../timing/backoff.ts";
import type { ProcessLog } from "./process-log.ts";
import type { ChildMessage, LogMessage } from "./supervisor-channel.ts";

export interface ChildSpec {
  readonly name: string;
  /** Arguments of `weir`, e.g. `["serve", "--parts", "etl"]`; at a restart it gets its previous URL. */
  arguments(previousUrl: string | undefined): readonly string[];
  /** Flags of Node.js itself. */
  readonly nodeFlags?: readonly string[];
  /** It sends to the others, which therefore stop after it. */
  readonly stopsFirst?: boolean;
}

interface Child {
  readonly spec: ChildSpec;
  running: ChildProcess;
  url: string | undefined;
  ready: boolean;
  restarts: number;
  readonly backoff: Backoff;
  counters: Readonly<Record<string, number>>;
  /** The end of its standard error until it is ready: why it did not become ready. */
  errorOutput: string;
}

export interface SupervisorOptions {
  readonly main: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Gets what the children print, and the restarts. Open until after `stop`. */
  readonly log: ProcessLog;
  onExit?(name: string, how: string): void;
  /** Called after every start, restarts included. */
  onReady?(name: string): void;
}

/** Together less than the five seconds within which Ctrl-C must end everything. */
const senderGraceMs = 1_000;
const stopGraceMs = 3_000;
const firstRestartMs = 200;
const lastRestartMs = 5_000;
const logReportMs = 1_000;
const errorOutputLimit = 2_000;

/**
 * Runs child processes. One that ends is restarted after a delay that doubles up to five seconds.
 * Children end when the supervisor dies, however it dies, because their channel closes.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #children = new Map<string, Child>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #logReport: NodeJS.Timeout;
  #reportedDropped = 0;
  #stopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#logReport = setInterval(() => this.#reportDropped(), logReportMs).unref();
  }

  get processIds(): Readonly<Record<string, number>> {
    return Object.fromEntries(
      [...this.#children].map(([name, child]) => [name, child.running.pid ?? 0]),
    );
  }

  /** The newest counters of all children, in one object. */
  get counters(): Readonly<Record<string, number>> {
    return Object.assign({}, ...[...this.#children.values()].map((child) => child.counters));
  }

  get restarts(): number {
    return [...this.#children.values()].reduce((sum, child) => sum + child.restarts, 0);
  }

  /**
   * Starts a child; resolves when it reports that it is ready, with its URL if it listens.
   * @throws Error when it ends first or takes longer than `timeoutMs`, with the end of its output
   */
  async start(spec: ChildSpec, timeoutMs: number): Promise<string | undefined> {
    if (this.#stopping) throw new Error(`${spec.name} was not started: everything is stopping`);
    const child: Child = {
      spec,
      running: this.#spawn(spec, undefined),
      url: undefined,
      ready: false,
      restarts: 0,
      backoff: createBackoff({ firstMs: firstRestartMs, lastMs: lastRestartMs }),
      counters: {},
      errorOutput: "",
    };
    this.#children.set(spec.name, child);
    this.#watch(child);
    child.running.stderr?.setEncoding("utf8").on("data", (text: string) => {
      if (!child.ready) child.errorOutput = `${child.errorOutput}${text}`.slice(-errorOutputLimit);
    });
    await this.#untilReady(child, timeoutMs);
    return child.url;
  }

  /**
   * Sends SIGTERM to the children that stop first, then to the others, and SIGKILL to those that have
   * not ended after their grace period. Resolves when all have ended.
   */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#logReport);
    for (const timer of this.#timers) clearTimeout(timer);
    const senders = [...this.#children.values()].filter((child) => child.spec.stopsFirst === true);
    const others = [...this.#children.values()].filter((child) => child.spec.stopsFirst !== true);
    await Promise.all(senders.map(({ running }) => end(running, senderGraceMs)));
    await Promise.all(others.map(({ running }) => end(running, stopGraceMs)));
  }

  #spawn(spec: ChildSpec, previousUrl: string | undefined): ChildProcess {
    const child = spawn(
      process.execPath,
      [...(spec.nodeFlags ?? []), this.#options.main, ...spec.arguments(previousUrl)],
      {
        stdio: ["ignore", "pipe", "pipe", "ipc"],
        // glibc would keep one heap per thread, up to eight per core
        env: { MALLOC_ARENA_MAX: "2", ...process.env, ...this.#options.environment },
      },
    );
    this.#options.log.attach(child, spec.name);
    return child;
  }

  #watch(child: Child): void {
    child.running.on("message", (message: ChildMessage) => {
      if (message.type === "counters") child.counters = message.counters;
      if (message.type === "ready") {
        child.ready = true;
        child.url = message.url;
        this.#options.onReady?.(child.spec.name);
      }
    });
    child.running.once("exit", (code, signal) => {
      if (this.#stopping) return;
      this.#options.onExit?.(child.spec.name, signal ?? `exit code ${code}`);
      if (!child.ready && child.restarts === 0) return;
      const pauseMs = child.backoff.next();
      this.#logRestart(child, { exit: signal ?? `exit code ${code}`, restart_in_ms: pauseMs });
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        child.restarts++;
        child.running = this.#spawn(child.spec, child.url);
        this.#watch(child);
      }, pauseMs);
      this.#timers.add(timer);
    });
  }

  /** One line in the form of the children's logs, so that an operator can count restarts. */
  #logRestart({ spec, restarts }: Child, about: Readonly<Record<string, unknown>>): void {
    const line = { process: spec.name, restarts: restarts + 1, ...about };
    this.#options.log.logger.warn(line, "a process ended and is restarted");
  }

  /** The process that serves the metrics learns how many lines could not be written. */
  #reportDropped(): void {
    const lines = this.#options.log.dropped - this.#reportedDropped;
    if (lines === 0) return;
    const message: LogMessage = { type: "log_dropped", lines };
    for (const { running, url } of this.#children.values()) {
      if (url === undefined || !running.connected) continue;
      this.#reportedDropped += lines;
      running.send(message, (error) => {
        if (error !== null) this.#reportedDropped -= lines;
      });
    }
  }

  #untilReady(child: Child, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => done(new Error(`${child.spec.name} was not ready within ${timeoutMs / 1000} s`)),
        timeoutMs,
      );
      const onMessage = (message: ChildMessage) => {
        if (message.type === "ready") done();
      };
      // "close" comes after the last output; "exit" may come before it
      const onClose = (code: number | null, signal: NodeJS.Signals | null) =>
        done(
          new Error(
            `${child.spec.name} ended at start (${signal ?? `exit code ${code}`})${indented(child.errorOutput)}`,
          ),
        );
      const done = (error?: Error) => {
        clearTimeout(timer);
        child.running.off("message", onMessage);
        child.running.off("close", onClose);
        if (error === undefined) resolve();
        else reject(error);
      };
      child.running.on("message", onMessage);
      child.running.once("close", onClose);
    });
  }
}

function indented(text: string): string {
  return text.trim() === "" ? "" : `\n${text.trim()}`.replaceAll("\n", "\n      ");
}

async function end(child: ChildProcess, graceMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const kill = setTimeout(() => child.kill("SIGKILL"), graceMs);
  await gone;
  clearTimeout(kill);
}
