/** Real processes under libfaketime: their wall clock is a file that a test changes while they run. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { type CleanUp, createTestFolder } from "../../../testing/database.ts";
import { until } from "../../../testing/until.ts";
import { findBinaries } from "../../src/adapters/postgres/binaries.ts";
import { startEmbeddedPostgres } from "../../src/adapters/postgres/embedded.ts";
import { openPool, type Pool } from "../../src/adapters/postgres/pool.ts";
import { postgresUser } from "../../src/adapters/postgres/system-user.ts";

const library = [
  process.env["WEIR_TEST_FAKETIME"],
  "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
  "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
].find((path) => path !== undefined && existsSync(path));

/** Why these tests cannot run here; false when they can. CI fails instead of skipping. */
export function withoutFaketime(): string | false {
  if (library !== undefined) return false;
  const reason = "libfaketime is missing: install the package faketime, or set WEIR_TEST_FAKETIME";
  if (process.env["CI"] === "true") throw new Error(reason);
  console.error(`SKIPPED: ${reason}`);
  return reason;
}

export interface FakedClock {
  /** For the environment of processes that have this clock. */
  readonly environment: Readonly<Record<string, string>>;
  /** Seconds ahead of the real clock from now on. */
  step(seconds: number): void;
}

/** Takes effect at once in Weir, within a second in PostgreSQL. */
export async function createFakedClock(
  t: CleanUp,
  name: "postgresql" | "weir",
): Promise<FakedClock> {
  const file = join(await createTestFolder(t), name);
  const step = (seconds: number) => {
    writeFileSync(file, `${seconds < 0 ? "" : "+"}${seconds}\n`, { mode: 0o644 });
  };
  step(0);
  return {
    step,
    environment: {
      LD_PRELOAD: library ?? "",
      FAKETIME_TIMESTAMP_FILE: file,
      // PostgreSQL asks for the time in signal handlers, where reading the file every time can crash it
      ...(name === "postgresql" ? { FAKETIME_CACHE_DURATION: "1" } : { FAKETIME_NO_CACHE: "1" }),
      // timers and file times stay real
      DONT_FAKE_MONOTONIC: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      NO_FAKE_STAT: "1",
    },
  };
}

export interface FakedPostgres {
  readonly url: string;
  /** Of this process, whose clock is real. */
  readonly owner: Pool;
}

/** A durable PostgreSQL of its own whose clock is `clock`. */
export async function startFakedPostgres(t: CleanUp, clock: FakedClock): Promise<FakedPostgres> {
  const dataDir = await createTestFolder(t);
  // makes the cluster; the server with the faked clock then runs in its place
  const made = await startEmbeddedPostgres({ dataDir, durable: false });
  const { url } = made;
  await made.stop();
  const home = await realpath(join(dataDir, "cluster"));
  const user = await postgresUser(join(dataDir, "cluster"));
  const data = join(home, "data");
  const child = spawn((await findBinaries(user)).postgres, ["-D", data], {
    cwd: data,
    stdio: "ignore",
    env: { PATH: process.env["PATH"] ?? "", LC_ALL: "C", TZ: "UTC", ...clock.environment },
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
  });
  const exited = once(child, "exit");
  const owner = openPool({ url, applicationName: "clock test", max: 4 });
  t.after(async () => {
    await owner.close();
    child.kill("SIGQUIT");
    await exited;
  });
  await until(() => owner.query({ text: "select 1" }).catch(() => undefined), {
    what: "PostgreSQL with a faked clock",
  });
  return { url, owner };
}
