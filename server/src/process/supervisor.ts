import type { ChildProcess } from "node:child_process";
import { type ChildSpec, onAnnounced, spawnChild } from "./child-program.ts";
import type { ProcessLog } from "./process-log.ts";
import { ProcessStates, type RestartReason } from "./process-states.ts";
import { createRestartPace, type RestartPace } from "./restart-pace.ts";
import type { ChildMessage, SupervisorMessage } from "./supervisor-channel.ts";
import { isFrozen, readVitals, type Vitals } from "./vitals.ts";
import { Watchdog } from "./watchdog.ts";

interface Child {
  readonly spec: ChildSpec;
  running: ChildProcess;
  url: string | undefined;
  ready: boolean;
  /** Settles the promise of the first start; undefined afterwards. */
  firstStart: FirstStart | undefined;
  /** When it began to be silent. */
  vitals: Vitals | undefined;
  /** The watchdog killed the running process. */
  frozen: boolean;
  /** Its work is done: its end is no failure. */
  finished: boolean;
  restarts: number;
  readonly pace: RestartPace;
  counters: Readonly<Record<string, number>>;
  /** The end of its standard error until it is ready: why it did not become ready. */
  errorOutput: string;
}

interface FirstStart {
  resolve(): void;
  reject(error: Error): void;
}

export interface SupervisorOptions {
  readonly main: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Gets what the children print, and the restarts. Open until after `stop`. */
  readonly log: ProcessLog;
  /** A child that gives no sign of life for this long is killed and restarted. */
  readonly heartbeatTimeoutMs: number;
  /** Gets the state of each child; the children get the whole of it. */
  readonly states?: ProcessStates;
  /** Called after every start, restarts included. */
  onReady?(name: string): void;
  /** Called when a child has ended because its work is done. */
  onFinished?(name: string): void;
}

/** Together less than the five seconds within which Ctrl-C must end everything. */
const senderGraceMs = 1_000;
const stopGraceMs = 3_000;
const logReportMs = 1_000;
const errorOutputLimit = 2_000;

/**
 * Runs child processes. One that ends is restarted after a delay that doubles up to five seconds, and
 * begins again after a minute of health; one that gives no sign of life is killed and restarted.
 * Children end when the supervisor dies, however it dies, because their channel closes.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #states: ProcessStates;
  readonly #children = new Map<string, Child>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #watchdog: Watchdog;
  readonly #logReport: NodeJS.Timeout;
  #reportedDropped = 0;
  #stopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#states = options.states ?? new ProcessStates();
    this.#logReport = setInterval(() => this.#reportDropped(), logReportMs).unref();
    this.#watchdog = new Watchdog({
      limitMs: options.heartbeatTimeoutMs,
      now: () => performance.now(),
      onSilent: (name) => {
        const child = this.#children.get(name);
        if (child !== undefined) child.vitals = readVitals(child.running.pid ?? 0);
      },
      isFrozen: (name, silentMs) => this.#isFrozen(name, silentMs),
      onFrozen: (name, silentMs) => this.#endFrozen(name, silentMs),
    });
    this.#watchdog.start();
    this.#states.onChange(() => {
      for (const child of this.#children.values()) this.#sendStates(child);
    });
  }

  get processIds(): Readonly<Record<string, number>> {
    return Object.fromEntries(
      [...this.#children].map(([name, child]) => [name, child.running.pid ?? 0]),
    );
  }

  /** The newest counters of all children, in one object; the same counter of several processes is added up. */
  get counters(): Readonly<Record<string, number>> {
    const sums: Record<string, number> = {};
    for (const { counters } of this.#children.values()) {
      for (const [name, count] of Object.entries(counters)) sums[name] = (sums[name] ?? 0) + count;
    }
    return sums;
  }

  get restarts(): number {
    return [...this.#children.values()].reduce((sum, child) => sum + child.restarts, 0);
  }

  /**
   * Starts a child; resolves when it reports that it is ready, with its URL if it listens. One that is
   * killed before that is restarted.
   * @throws Error when it ends by itself first or takes longer than `timeoutMs`, with the end of its output
   */
  async start(spec: ChildSpec, timeoutMs: number): Promise<string | undefined> {
    const child = this.#add(spec);
    const ready = this.#untilReady(child, timeoutMs);
    this.#watch(child);
    await ready;
    return child.url;
  }

  /**
   * Starts a child that the others do not need, and does not wait for it. One that ends is restarted, also when it never
   * was ready; `onReady` reports when it is.
   */
  keep(spec: ChildSpec): void {
    const child = this.#add(spec);
    this.#states.failing(spec.name, `${spec.name} is starting`);
    this.#watch(child);
  }

  #add(spec: ChildSpec): Child {
    if (this.#stopping) throw new Error(`${spec.name} was not started: everything is stopping`);
    const child: Child = {
      spec,
      running: this.#spawn(spec, undefined),
      url: undefined,
      ready: false,
      firstStart: undefined,
      vitals: undefined,
      frozen: false,
      finished: false,
      restarts: 0,
      pace: createRestartPace(() => performance.now()),
      counters: {},
      errorOutput: "",
    };
    this.#children.set(spec.name, child);
    return child;
  }

  /**
   * Sends SIGTERM to the children that stop first, then to the others, and SIGKILL to those that have
   * not ended after their grace period. Resolves when all have ended.
   */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#watchdog.stop();
    clearInterval(this.#logReport);
    for (const timer of this.#timers) clearTimeout(timer);
    const senders = [...this.#children.values()].filter((child) => child.spec.stopsFirst === true);
    const others = [...this.#children.values()].filter((child) => child.spec.stopsFirst !== true);
    const endAll = (children: readonly Child[], graceMs: number) =>
      Promise.all(children.map(({ running, spec }) => end(running, spec.stopGraceMs ?? graceMs)));
    await endAll(senders, senderGraceMs);
    await endAll(others, stopGraceMs);
    for (const { firstStart, spec } of this.#children.values()) {
      firstStart?.reject(new Error(`${spec.name} was not started: everything is stopping`));
    }
  }

  /** Kills all children at once, without their grace period. */
  kill(): void {
    this.#stopping = true;
    for (const { running } of this.#children.values()) running.kill("SIGKILL");
  }

  #spawn(spec: ChildSpec, previousUrl: string | undefined): ChildProcess {
    const { main, environment } = this.#options;
    const child = spawnChild(spec, { main, environment, previousUrl });
    this.#options.log.attach(child, spec.name);
    return child;
  }

  #watch(child: Child): void {
    const { running, spec } = child;
    child.ready = false;
    child.frozen = false;
    child.errorOutput = "";
    this.#watchdog.beat(spec.name);
    running.stderr?.setEncoding("utf8").on("data", (text: string) => {
      if (child.ready) return;
      child.errorOutput = `${child.errorOutput}${text}`.slice(-errorOutputLimit);
    });
    if (spec.program !== undefined) {
      onAnnounced(running, spec.program.announces, () => this.#receive(child, { type: "ready" }));
    }
    running.on("message", (message: ChildMessage) => this.#receive(child, message));
    running.on("error", (error) => {
      this.#options.log.logger.warn(
        { process: spec.name, reason: error.message },
        "a process cannot be controlled",
      );
      // without memory or process ids there is no process, and no "exit"
      if (running.pid === undefined && !this.#stopping) this.#restart(child, error.message);
    });
    running.once("exit", (code, signal) => {
      this.#watchdog.forget(spec.name);
      if (this.#stopping) return;
      if (child.finished && code === 0) {
        this.#children.delete(spec.name);
        this.#states.finished(spec.name);
        this.#options.onFinished?.(spec.name);
        return;
      }
      if (signal === null && child.firstStart !== undefined) return;
      this.#restart(child, signal ?? `exit code ${code}`);
    });
    // "close" comes after the last output; "exit" may come before it
    running.once("close", (code, signal) => {
      if (signal !== null && !this.#stopping) return;
      const how = signal ?? `exit code ${code}`;
      const output = indented(child.errorOutput);
      child.firstStart?.reject(new Error(`${spec.name} ended at start (${how})${output}`));
    });
  }

  #receive(child: Child, message: ChildMessage): void {
    const { name } = child.spec;
    this.#watchdog.beat(name);
    if (message.type === "finished") child.finished = true;
    if (message.type === "counters") child.counters = message.counters;
    if (message.type !== "ready") return;
    child.ready = true;
    child.pace.ready();
    child.url = message.url;
    this.#states.running(name);
    child.firstStart?.resolve();
    this.#options.onReady?.(name);
  }

  #isFrozen(name: string, ms: number): boolean {
    const child = this.#children.get(name);
    if (child === undefined) return false;
    const now = readVitals(child.running.pid ?? 0);
    const limitMs = this.#options.heartbeatTimeoutMs;
    return isFrozen({ ms, limitMs, isStarting: !child.ready, before: child.vitals, now });
  }

  #endFrozen(name: string, silentMs: number): void {
    const child = this.#children.get(name);
    if (child === undefined) return;
    child.frozen = true;
    this.#options.log.logger.warn(
      { process: name, pid: child.running.pid, silent_ms: Math.round(silentMs) },
      "a process gives no sign of life and is killed",
    );
    // a stopped process receives no other signal
    child.running.kill("SIGKILL");
  }

  #restart(child: Child, exit: string): void {
    const { spec, frozen } = child;
    const { name } = spec;
    const pauseMs = child.pace.next();
    const reason: RestartReason = frozen ? "frozen" : exit.startsWith("SIG") ? "signal" : "exit";
    const restarts = child.restarts + 1;
    this.#options.log.logger.warn(
      { process: name, restarts, reason, exit, restart_in_ms: pauseMs },
      "a process ended and is restarted",
    );
    const how = frozen ? "no sign of life" : exit;
    this.#states.restarting(name, reason, `${name} ended (${how}), restarting`);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      child.restarts = restarts;
      child.running = this.#spawn(spec, child.url);
      this.#watch(child);
    }, pauseMs);
    this.#timers.add(timer);
  }

  #sendStates({ running, ready }: Child): void {
    if (!ready || !running.connected) return;
    const message: SupervisorMessage = { type: "processes", processes: this.#states.reports };
    running.send(message, () => {});
  }

  /** The process that serves the metrics learns how many lines could not be written. */
  #reportDropped(): void {
    const lines = this.#options.log.dropped - this.#reportedDropped;
    if (lines === 0) return;
    const message: SupervisorMessage = { type: "log_dropped", lines };
    for (const { running, url } of this.#children.values()) {
      if (url === undefined || !running.connected) continue;
      this.#reportedDropped += lines;
      running.send(message, (error) => {
        if (error !== null) this.#reportedDropped -= lines;
      });
      return;
    }
  }

  #untilReady(child: Child, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = new Error(`${child.spec.name} was not ready within ${timeoutMs / 1000} s`);
      const timer = setTimeout(() => child.firstStart?.reject(late), timeoutMs);
      const settle = () => {
        clearTimeout(timer);
        child.firstStart = undefined;
      };
      child.firstStart = {
        resolve() {
          settle();
          resolve();
        },
        reject(error) {
          settle();
          reject(error);
        },
      };
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
