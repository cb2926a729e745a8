/** Processes of a Weir whose supervisor was killed. */
import { readFileSync } from "node:fs";
import { readRunFile } from "./run-file.ts";

/** Whether `pid` runs `weir <command>`: the process id of an old run.json may belong to another program. */
export function runsWeir(pid: number, command: "up" | "serve"): boolean {
  const words = wordsOf(pid);
  const main = words.findIndex((word) => /\/main\.ts$/.test(word));
  return main >= 0 && words.slice(main + 1).includes(command);
}

function runsShopProgram(pid: number): boolean {
  return wordsOf(pid).some((word) => /\/shop\/src\/main\.ts$/.test(word));
}

/** The program of a process and its arguments; none when it has ended. */
function wordsOf(pid: number): string[] {
  // elsewhere there is no cheap way to see the arguments of a process
  if (process.platform !== "linux") return [];
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}

/**
 * Kills the children of a killed supervisor that are still there: they end by themselves when their channel
 * closes, but not while they are frozen, and a frozen one keeps the port.
 */
export function endLeftovers(dataDir: string): void {
  const pids = readRunFile(dataDir)?.pids ?? {};
  if (runsWeir(pids["supervisor"] ?? 0, "up")) return;
  for (const [name, pid] of Object.entries(pids)) {
    if (name === "postgres" || pid === process.pid) continue;
    if (!runsWeir(pid, "serve") && !runsShopProgram(pid)) continue;
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // it has just ended, or belongs to another user
    }
  }
}
