import { spawn } from "node:child_process";

export interface Ended {
  /** Undefined when it ran out of time; 1 when it was stopped. */
  readonly code: number | undefined;
  readonly output: string;
  readonly seconds: number;
}

interface RunOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly seconds: number;
  /** It is killed when its output holds this: the rest would tell nothing more. */
  readonly stopAt?: RegExp;
}

/** How much of the output is kept, from its end. */
const keptOutput = 20_000;

/** Runs a program to its end, or kills it and what it has started in its process group. */
export function runProcess(
  program: string,
  args: readonly string[],
  { cwd, env, seconds, stopAt }: RunOptions,
): Promise<Ended> {
  const started = performance.now();
  const child = spawn(program, args, {
    cwd,
    env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let isStopped = false;
  let isLate = false;
  const killGroup = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    } catch {
      // it has ended in this moment
    }
  };
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-keptOutput);
    if (isStopped || stopAt?.test(output) !== true) return;
    isStopped = true;
    killGroup();
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const timer = setTimeout(() => {
    isLate = true;
    killGroup();
  }, seconds * 1_000);
  const stop = (): void => {
    killGroup();
    process.exit(130);
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      process.off("SIGINT", stop);
      process.off("SIGTERM", stop);
    };
    child.on("error", (error) => {
      end();
      reject(error);
    });
    // `exit` and not `close`: what a test left behind may hold the pipes open
    child.on("exit", (code) => {
      end();
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({
        code: isLate && !isStopped ? undefined : (code ?? 1),
        output,
        seconds: (performance.now() - started) / 1_000,
      });
    });
  });
}
