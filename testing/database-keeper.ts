/**
 * A separate process that runs one PostgreSQL for all test processes of this user. A connection to
 * its socket is a reference: the kernel ends it with the process, killed or not, so nothing leaks. The
 * keeper drops the databases of processes that have ended, and stops the server when no new process connects.
 */
import { rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import pg from "pg";
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from "../server/src/adapters/postgres/embedded.ts";
import { withDatabase } from "../server/src/adapters/postgres/location.ts";
import { keeperFolder, keeperSocket } from "./database-keeper-address.ts";

/** Between two test files of one run there may be no process for a moment. */
const lingerMs = 5_000;
/** Each version of the migrations leaves a template behind. */
const mostTemplates = 4;

const guests = new Set<Socket>();
let postgres: Promise<EmbeddedPostgres> | undefined;
let departure: NodeJS.Timeout | undefined;

const server = createServer(welcome);
server.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EADDRINUSE") process.exit(0); // another keeper was faster
  throw error;
});
if (process.platform !== "linux") await rm(keeperSocket, { force: true });
server.listen(keeperSocket, waitForGuests);
for (const name of ["SIGINT", "SIGHUP"] as const) process.on(name, () => {});
process.on("SIGTERM", () => void leave());

function welcome(guest: Socket): void {
  clearTimeout(departure);
  guests.add(guest);
  const databases: string[] = [];
  guest.on("error", () => {});
  createInterface({ input: guest })
    .on("line", (name) => databases.push(name))
    .on("error", () => {});
  const seeOff = () => {
    guests.delete(guest);
    if (guests.size === 0) waitForGuests();
  };
  guest.on("close", () => void dropDatabases(databases).then(seeOff, seeOff));
  postgres ??= open();
  postgres.then(
    ({ url }) => guest.write(`${JSON.stringify({ url })}\n`),
    (error: Error) => guest.end(`${JSON.stringify({ error: error.message })}\n`),
  );
}

async function open(): Promise<EmbeddedPostgres> {
  const options = {
    dataDir: keeperFolder,
    durable: false,
    maxConnections: 300,
    extra: {
      shared_buffers: "128MB",
      max_wal_size: "512MB",
      min_wal_size: "32MB",
      wal_level: "minimal",
      max_wal_senders: "0",
    },
  };
  const started = await startEmbeddedPostgres(options).catch(async () => {
    // it runs without fsync: a crash of the machine may have corrupted it, and it holds only test data
    await rm(keeperFolder, { recursive: true, force: true });
    return startEmbeddedPostgres(options);
  });
  await dropLeftovers(started.url);
  return started;
}

function waitForGuests(): void {
  clearTimeout(departure);
  departure = setTimeout(() => void leave(), lingerMs);
}

async function leave(): Promise<void> {
  const running = await postgres?.catch(() => undefined);
  postgres = undefined;
  await running?.stop();
  if (guests.size > 0) return; // connected while the server stopped: welcome() has started it again
  server.close();
  process.exit(0);
}

async function dropLeftovers(url: string): Promise<void> {
  await withClient(url, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `select datname as name from pg_database
       where datname like 'test\\_%' or datname like 'template\\_%\\_new'
          or (datname like 'template\\_%' and
              (select count(*) from pg_database where datname like 'template\\_%') > $1)`,
      [mostTemplates],
    );
    await dropAll(
      client,
      rows.map((row) => row.name),
    );
  });
}

async function dropDatabases(names: readonly string[]): Promise<void> {
  const running = await postgres;
  if (running === undefined || names.length === 0) return;
  await withClient(running.url, (client) => dropAll(client, names));
}

async function dropAll(client: pg.Client, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await client.query(`drop database if exists ${client.escapeIdentifier(name)} with (force)`);
  }
}

async function withClient(url: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({
    connectionString: withDatabase(url, "postgres"),
    connectionTimeoutMillis: 10_000,
    query_timeout: 60_000,
  });
  client.on("error", () => {});
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
