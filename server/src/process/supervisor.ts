import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, mkdirSync, renameSync, statSync, type WriteStream } from "node:fs";
import { join } from "node:path";

/** What a child tells its supervisor over the process channel. */
export type ChildMessage =
  | { readonly type: "ready"; readonly url?: string }
  | { readonly type: "counters"; readonly counters: Readonly<Record<string, number>> };

export interface ChildSpec {
  readonly name: string;
  /** Arguments of `weir`, e.g. `["serve", "--parts", "etl"]`; at a restart it is told its URL of before. */
  arguments(urlBefore: string | undefined): readonly string[];
  /** Flags of Node.js itself. */
  readonly nodeFlags?: readonly string[];
  /** It sends to the others, which therefore outlive it. */
  readonly stopsFirst?: boolean;
}

interface Child {
  readonly spec: ChildSpec;
  process: ChildProcess;
  readyUrl: string | undefined;
  ready: boolean;
  restarts: number;
  counters: Readonly<Record<string, number>>;
  /** The end of what it printed as errors, kept until it is ready: why it did not become so. */
  complaint: string;
}

export interface SupervisorOptions {
  readonly main: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly logFolder: string;
  onExit?(name: string, how: string): void;
  /** Also after a restart. */
  onReady?(name: string): void;
}

/** Together under the five seconds that Ctrl-C may take. */
const senderGraceMs = 1_000;
const stopGraceMs = 3_000;
const firstRestartMs = 200;
const lastRestartMs = 5_000;
const logLimitBytes = 16 * 1024 * 1024;
const complaintLimit = 2_000;

/**
 * Runs parts as processes of their own, so that one that fails, or computes, does not stop the
 * others: a child that ends is started again, with a wait that doubles up to five seconds. Children
 * end by themselves when the supervisor dies, however it dies (their channel closes).
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #children = new Map<string, Child>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #log: WriteStream;
  #stopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#log = openLog(options.logFolder);
  }

  get processIds(): Readonly<Record<string, number>> {
    return Object.fromEntries(
      [...this.#children].map(([name, child]) => [name, child.process.pid ?? 0]),
    );
  }

  /** The newest counters of all children, in one object. */
  get counters(): Readonly<Record<string, number>> {
    return Object.assign({}, ...[...this.#children.values()].map((child) => child.counters));
  }

  get restarts(): number {
    return [...this.#children.values()].reduce((sum, child) => sum + child.restarts, 0);
  }

  /** Starts a child and resolves when it says that it is ready, with its URL when it has one. */
  async start(spec: ChildSpec, timeoutMs: number): Promise<string | undefined> {
    const child: Child = {
      spec,
      process: this.#spawn(spec, undefined),
      readyUrl: undefined,
      ready: false,
      restarts: 0,
      counters: {},
      complaint: "",
    };
    this.#children.set(spec.name, child);
    this.#watch(child);
    child.process.stderr?.setEncoding("utf8").on("data", (text: string) => {
      if (!child.ready) child.complaint = `${child.complaint}${text}`.slice(-complaintLimit);
    });
    await this.#untilReady(child, timeoutMs);
    return child.readyUrl;
  }

  /**
   * SIGTERM to the children, the last started first, so that whoever sends stops before whoever
   * takes; SIGKILL to what is left after its grace. Resolves when all are gone.
   */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const timer of this.#timers) clearTimeout(timer);
    const senders = [...this.#children.values()].filter((child) => child.spec.stopsFirst === true);
    const others = [...this.#children.values()].filter((child) => child.spec.stopsFirst !== true);
    await Promise.all(senders.map(({ process: child }) => end(child, senderGraceMs)));
    await Promise.all(others.map(({ process: child }) => end(child, stopGraceMs)));
    await new Promise((resolve) => this.#log.end(resolve));
  }

  #spawn(spec: ChildSpec, urlBefore: string | undefined): ChildProcess {
    const child = spawn(
      process.execPath,
      [...(spec.nodeFlags ?? []), this.#options.main, ...spec.arguments(urlBefore)],
      {
        stdio: ["ignore", "pipe", "pipe", "ipc"],
        // glibc keeps freed memory apart for each thread, up to eight a core
        env: { MALLOC_ARENA_MAX: "2", ...process.env, ...this.#options.environment },
      },
    );
    child.stdout?.pipe(this.#log, { end: false });
    child.stderr?.pipe(this.#log, { end: false });
    return child;
  }

  #watch(child: Child): void {
    child.process.on("message", (message: ChildMessage) => {
      if (message.type === "counters") child.counters = message.counters;
      if (message.type === "ready") {
        child.ready = true;
        child.readyUrl = message.url;
        this.#options.onReady?.(child.spec.name);
      }
    });
    child.process.once("exit", (code, signal) => {
      if (this.#stopping) return;
      this.#options.onExit?.(child.spec.name, signal ?? `exit code ${code}`);
      if (!child.ready && child.restarts === 0) return;
      const wait = Math.min(firstRestartMs * 2 ** child.restarts, lastRestartMs);
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        child.restarts++;
        child.process = this.#spawn(child.spec, child.readyUrl);
        this.#watch(child);
      }, wait);
      this.#timers.add(timer);
    });
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
      // "close" comes after its last words, "exit" may come before
      const onClose = (code: number | null, signal: NodeJS.Signals | null) =>
        done(
          new Error(
            `${child.spec.name} ended at start (${signal ?? `exit code ${code}`})${indented(child.complaint)}`,
          ),
        );
      const done = (error?: Error) => {
        clearTimeout(timer);
        child.process.off("message", onMessage);
        child.process.off("close", onClose);
        if (error === undefined) resolve();
        else reject(error);
      };
      child.process.on("message", onMessage);
      child.process.once("close", onClose);
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

/** The log of all children; the last one is kept beside it when it has grown past 16 MiB. */
function openLog(folder: string): WriteStream {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, "weir.log");
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > logLimitBytes) renameSync(path, `${path}.1`);
  return createWriteStream(path, { flags: "a", mode: 0o600 });
}
