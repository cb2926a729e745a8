import { spawn } from "node:child_process";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { keeperSocket } from "./database-keeper-address.ts";

export interface SharedCluster {
  /** The owner's URL. */
  readonly url: string;
  /** The keeper drops this database when this process has ended. */
  announce(database: string): void;
}

const patienceMs = 60_000;

let joined: Promise<SharedCluster> | undefined;

/** The one PostgreSQL that all test processes of this user share; started by the first of them. */
export function joinSharedCluster(): Promise<SharedCluster> {
  joined ??= join();
  return joined;
}

async function join(): Promise<SharedCluster> {
  const deadline = Date.now() + patienceMs;
  for (let spawned = 0; ; ) {
    const found = await reach();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error("The shared test database did not come up.");
    // spawn again only after the first one had time to start listening
    if (Date.now() - spawned > 5_000) {
      spawnKeeper();
      spawned = Date.now();
    }
    await delay(25);
  }
}

/** Undefined when no keeper listens, or it was shutting down. */
async function reach(): Promise<SharedCluster | undefined> {
  const socket = connect(keeperSocket);
  const answer = await firstLine(socket);
  if (answer === undefined) return undefined;
  const { url, error } = JSON.parse(answer) as { url?: string; error?: string };
  if (url === undefined) throw new Error(`The shared test database did not start: ${error}`);
  socket.unref();
  return { url, announce: (database) => void socket.write(`${database}\n`) };
}

function firstLine(socket: Socket): Promise<string | undefined> {
  return new Promise((resolve) => {
    socket.on("error", () => resolve(undefined));
    socket.once("close", () => resolve(undefined));
    // readline re-emits the socket's errors, and an unhandled one would end the process
    createInterface({ input: socket })
      .on("error", () => resolve(undefined))
      .once("line", resolve);
  });
}

function spawnKeeper(): void {
  const { NODE_TEST_CONTEXT: _test, NODE_OPTIONS: _options, ...env } = process.env;
  const keeper = fileURLToPath(new URL("./database-keeper.ts", import.meta.url));
  spawn(process.execPath, [keeper], { detached: true, stdio: "ignore", env }).unref();
}
