import pg from "pg";
import { withDeadline } from "../../timing/deadline.ts";
import { pause } from "../../timing/pause.ts";
import { isServerOf } from "./server-process.ts";

interface SupervisionOptions {
  readonly url: (database: string) => string;
  readonly data: string;
  readonly pid: number;
  readonly log: (message: string) => void;
}

/** Any number not used by anything else in the database `postgres`. */
const lockKey = 7_325_101;

/** The server takes a moment to notice that a supervisor was killed. */
const takeOverPatienceMs = 2_000;

/**
 * The right to supervise one server: an advisory lock in the server itself. It cannot outlive its
 * holder, so there are no stale lock files to detect.
 */
export class Supervision {
  readonly #options: SupervisionOptions;
  #client: pg.Client | undefined;
  #ended = false;

  private constructor(options: SupervisionOptions) {
    this.#options = options;
  }

  static async begin(options: SupervisionOptions): Promise<Supervision> {
    const supervision = new Supervision(options);
    await supervision.#acquire(takeOverPatienceMs);
    await supervision.#ensureDatabase();
    return supervision;
  }

  async #acquire(patienceMs: number): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#options.url("postgres"),
      application_name: `weir supervisor ${process.pid}`,
      connectionTimeoutMillis: 10_000,
      query_timeout: 30_000,
    });
    client.on("error", () => {});
    await client.connect();
    try {
      await lock(client, patienceMs);
    } catch (error) {
      await endSoon(client);
      throw error;
    }
    this.#client = client;
    client.once("end", () => {
      if (!this.#ended) void this.#reacquire();
    });
  }

  /** After the crash of a backend PostgreSQL resets all sessions, this one too, and continues. */
  async #reacquire(): Promise<void> {
    const { pid, data, log } = this.#options;
    for (;;) {
      await pause(200);
      if (this.#ended || !(await isServerOf(pid, data))) return;
      try {
        await this.#acquire(takeOverPatienceMs);
        log("PostgreSQL had reset its sessions; supervision continues");
        return;
      } catch (error) {
        log(`supervision of PostgreSQL was interrupted: ${(error as Error).message}`);
      }
    }
  }

  async #ensureDatabase(): Promise<void> {
    const found = await this.#client?.query("select from pg_database where datname = 'weir'");
    if (found?.rowCount !== 0) return;
    await this.#client?.query("create database weir");
    const client = new pg.Client({
      connectionString: this.#options.url("weir"),
      connectionTimeoutMillis: 10_000,
      query_timeout: 30_000,
    });
    await client.connect();
    await client.query("create extension if not exists pg_stat_statements");
    await client.end();
  }

  /** The server ended: there is nothing left to supervise. */
  serverGone(): void {
    this.#ended = true;
  }

  async end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#client !== undefined) await endSoon(this.#client);
  }
}

/** A server that does not respond must not prevent its shutdown. */
async function endSoon(client: pg.Client): Promise<void> {
  await withDeadline(() => client.end().catch(() => {}), { ms: 1_000, late: undefined });
}

async function lock(client: pg.Client, patienceMs: number): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!(await tryLock(client))) {
    const holder = await lockHolder(client);
    // the session of a process that was killed ends in a moment
    if (isAlive(Number(holder.replace("process ", ""))) || performance.now() > deadline) {
      throw new Error(
        `Another Weir is already running on this data folder (${holder}). Stop it, or choose another data folder.`,
      );
    }
    await pause(50);
  }
}

/** @param pid NaN when it is unknown; in another container it may be any process, or none */
function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function tryLock(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>(
    "select pg_try_advisory_lock($1) as locked",
    [lockKey],
  );
  return rows[0]?.locked === true;
}

async function lockHolder(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ name: string }>(
    `select a.application_name as name from pg_locks l join pg_stat_activity a using (pid)
     where l.locktype = 'advisory' and l.objid = $1 and l.granted`,
    [lockKey],
  );
  return rows[0]?.name.replace("weir supervisor", "process") ?? "unknown process";
}
