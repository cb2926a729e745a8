import { Worker } from "node:worker_threads";

const beatIntervalMs = 500;

/**
 * The thread: adds up the silence in its own ticks and ends the process. JavaScript in a string, because a file in
 * TypeScript would load the type stripper into each process, 20 MB for fifteen lines.
 */
const thread = `
  const { readFileSync, writeSync } = require("node:fs");
  const { beats, limitMs } = require("node:worker_threads").workerData;
  const tickMs = 1_000;
  // nothing ever changes it: waiting for it is a pause that needs no event loop
  const never = new Int32Array(new SharedArrayBuffer(4));
  const cpuMs = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1_000; };
  // as in vitals.ts: wants to run and gets no CPU time, or waits for a disk
  const isStarved = (silentMs) => {
    if (silentMs >= Math.max(60_000, limitMs) || cpuMs() - before >= 0.4 * limitMs) return false;
    try {
      const stat = readFileSync("/proc/self/stat", "utf8");
      return /[RD]/.test(stat[stat.lastIndexOf(")") + 2]);
    } catch {
      return false;
    }
  };
  let before = cpuMs();
  for (let silentMs = 0, last = -1; silentMs < limitMs || isStarved(silentMs); ) {
    const began = performance.now();
    Atomics.wait(never, 0, 0, tickMs);
    const now = Atomics.load(beats, 0);
    // a longer tick was a suspension of the whole process, which counts as two at most
    const passedMs = Math.min(performance.now() - began, 2 * tickMs);
    if (now !== last) before = cpuMs();
    silentMs = now === last ? silentMs + passedMs : 0;
    last = now;
  }
  writeSync(2, JSON.stringify({
    level: "error",
    time: new Date().toISOString(),
    part: "watchdog",
    silent_ms: limitMs,
    msg: "the event loop of this process does not turn; it ends, to be restarted",
  }) + "\\n");
  process.kill(process.pid, "SIGKILL");`;

/**
 * Ends this process with SIGKILL when its event loop does not turn for `limitMs`, so that the process manager
 * restarts it: for `weir serve` without a supervisor. A thread watches; a stopped process (SIGSTOP) needs a
 * watchdog outside.
 */
export function watchOwnEventLoop(limitMs: number): Disposable {
  const beats = new Int32Array(new SharedArrayBuffer(4));
  const timer = setInterval(() => Atomics.add(beats, 0, 1), beatIntervalMs);
  timer.unref();
  const workerData = { beats, limitMs };
  const worker = new Worker(thread, { eval: true, workerData, execArgv: [] });
  worker.unref();
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      void worker.terminate();
    },
  };
}
