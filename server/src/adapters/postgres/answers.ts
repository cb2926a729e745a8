/** Whether a server answers at all, and how a stopped one is continued. */
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { processState, serverProcesses, signal } from "./server-process.ts";

/** A request for TLS, the shortest message that a server answers (protocol 3, `SSLRequest`). */
const sslRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/**
 * Whether a server process accepts the connection and answers within `limitMs`. It needs no free connection
 * slot and no password, and is true also while the server starts, recovers or refuses sessions: only a
 * server that hangs, or none, gives no answer. Leaves nothing in the server's log.
 */
export function serverAnswers(
  { socketFolder, port }: { readonly socketFolder: string; readonly port: string },
  limitMs: number,
): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(join(socketFolder, `.s.PGSQL.${port}`));
    const timer = setTimeout(() => done(false), limitMs);
    const done = (answered: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answered);
    };
    socket.once("connect", () => socket.write(sslRequest));
    socket.once("data", () => done(true));
    socket.on("error", () => done(false));
    socket.once("close", () => done(false));
  });
}

/**
 * The processes of the server that are stopped (SIGSTOP). One that holds a lock stops every commit, although
 * the server still accepts connections. Linux only; elsewhere none.
 * @param pid of the postmaster
 */
export async function stoppedProcesses(pid: number): Promise<number[]> {
  const found: number[] = [];
  if (process.platform !== "linux") return found;
  for (const one of [pid, ...(await childrenOf(pid))]) {
    if ((await processState(one)) === "T") found.push(one);
  }
  return found;
}

/** Without a look at all processes of the machine, which takes 60 ms of CPU time. */
async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  return text.split(" ").filter(Boolean).map(Number);
}

/** Continues the processes of the server in `data`. A running process does not notice SIGCONT. */
export async function continueServer(data: string): Promise<void> {
  for (const pid of await serverProcesses(data)) signal(pid, "SIGCONT");
}
