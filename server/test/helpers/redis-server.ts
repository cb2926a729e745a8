/** A real Redis until the test ends: on a free port, in a folder of its own, killed and frozen at will. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createConnection, createServer } from "node:net";
import { type CleanUp, createTestFolder } from "../../../testing/database.ts";
import { until } from "../../../testing/until.ts";

export interface RedisServer {
  readonly port: number;
  /** Without a password. */
  readonly url: string;
  start(): Promise<void>;
  /** SIGKILL; resolves when it is dead. */
  kill(): Promise<void>;
  freeze(): void;
  continue(): void;
}

const program = process.env["WEIR_TEST_REDIS"] ?? "redis-server";

function isInstalled(): boolean {
  try {
    execFileSync(program, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

export async function startRedis(
  t: CleanUp,
  { password }: { readonly password?: string } = {},
): Promise<RedisServer> {
  const folder = await createTestFolder(t);
  const port = await freePort();
  let child: ChildProcess | undefined;
  const kill = async () => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  };
  const start = async () => {
    const flags = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""];
    if (password !== undefined) flags.push("--requirepass", password);
    child = spawn(program, flags, { stdio: "ignore" });
    await until(() => answers(port), { what: "Redis to answer" });
  };
  t.after(kill);
  await start();
  return {
    ...{ port, url: `redis://127.0.0.1:${port}`, start, kill },
    freeze: () => child?.kill("SIGSTOP"),
    continue: () => child?.kill("SIGCONT"),
  };
}

/** For `test`'s options. */
export function requireRedis(): { readonly skip: string | false } {
  if (isInstalled() || process.env["CI"] === "true") return { skip: false };
  console.error("SKIPPED: redis-server is not installed");
  return { skip: "redis-server is not installed" };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, "127.0.0.1");
    socket.once("error", () => resolve(false));
    socket.once("connect", () => socket.write("PING\r\n"));
    socket.once("data", () => {
      socket.destroy();
      resolve(true);
    });
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
