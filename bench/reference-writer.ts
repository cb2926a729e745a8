/**
 * The reference for Weir's accept path: the minimum that stores the same rows. node:http,
 * JSON.parse, group commit into a lean table, nothing else: no keys, no permissions, no limits, no
 * checks. Its write path is the fastest found (binary arrays, three groups in flight).
 *
 * `node bench/reference-writer.ts --url postgresql://...`; sends `{ type: "ready", url }` to its parent.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import pg from "pg";
import { ArrayColumn, typeIds } from "../server/src/core/array-column.ts";

export const referenceTable = `
  create table if not exists reference_events (
    service_id int not null,
    event_id uuid not null,
    received_at timestamptz not null default now(),
    occurred_at timestamptz not null,
    event_type text not null,
    payload text not null,
    primary key (event_id, service_id)
  )`;

interface Sent {
  readonly event_id: string;
  readonly event_type: string;
  readonly timestamp: string;
}
interface Row {
  readonly event: Sent;
  readonly payload: string;
}
interface Waiting {
  readonly rows: readonly Row[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const groupsInFlight = 3;
const groupRows = 2_000;

function createWriter(pool: pg.Pool): (rows: readonly Row[]) => Promise<void> {
  let queue: Waiting[] = [];
  let inFlight = 0;
  let scheduled = false;

  const insert = {
    name: "insert_group",
    text: `insert into reference_events (service_id, event_id, occurred_at, event_type, payload)
      select * from unnest($1::int[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[])
      on conflict do nothing returning event_id`,
  };

  const write = async (group: readonly Waiting[]): Promise<void> => {
    const columns = [
      new ArrayColumn(typeIds.int4),
      new ArrayColumn(typeIds.uuid),
      new ArrayColumn(typeIds.timestamptz),
      new ArrayColumn(typeIds.text),
      new ArrayColumn(typeIds.text),
    ] as const;
    const count = group.reduce((sum, { rows }) => sum + rows.length, 0);
    for (const column of columns) column.begin(count);
    const [service, id, at, type, payload] = columns;
    for (const { rows } of group) {
      for (const row of rows) {
        service.int4(1);
        id.uuid(row.event.event_id);
        at.timestamp(Date.parse(row.event.timestamp) * 1000);
        type.text(row.event.event_type);
        payload.text(row.payload);
      }
    }
    try {
      await pool.query({ ...insert, values: columns.map((column) => column.end()) });
      for (const { resolve } of group) resolve();
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
    inFlight--;
    schedule();
  };

  const schedule = (): void => {
    if (scheduled || queue.length === 0 || inFlight >= groupsInFlight) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      while (queue.length > 0 && inFlight < groupsInFlight) {
        let rows = 0;
        let taken = 0;
        while (taken < queue.length && rows < groupRows) rows += queue[taken++]?.rows.length ?? 0;
        const group = queue;
        queue = group.splice(taken);
        inFlight++;
        void write(group);
      }
    });
  };

  return (rows) =>
    new Promise((resolve, reject) => {
      queue.push({ rows, resolve, reject });
      schedule();
    });
}

function readBody(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    request.on("error", reject);
  });
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  keep: (rows: readonly Row[]) => Promise<void>,
): Promise<void> {
  const text = await readBody(request);
  const sent = JSON.parse(text) as Sent | Sent[];
  let body: unknown;
  if (Array.isArray(sent)) {
    await keep(sent.map((event) => ({ event, payload: JSON.stringify(event) })));
    body = {
      results: sent.map(({ event_id }) => ({ event_id, verdict: "accepted" })),
    };
  } else {
    await keep([{ event: sent, payload: text }]);
    body = { event_id: sent.event_id, verdict: "accepted" };
  }
  const json = JSON.stringify(body);
  response.writeHead(202, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(json),
  });
  response.end(json);
}

if (import.meta.main) {
  const { url } = parseArgs({ options: { url: { type: "string" } } }).values;
  const pool = new pg.Pool({ connectionString: url, max: groupsInFlight });
  pool.on("error", () => {});
  await pool.query(referenceTable);
  const keep = createWriter(pool);
  const server = createServer((request, response) => {
    answer(request, response, keep).catch(() => {
      response.statusCode = 500;
      response.end();
    });
  });
  server.listen(0, "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo;
    process.send?.({ type: "ready", url: `http://127.0.0.1:${port}` });
  });
  process.once("SIGTERM", () => process.exit(0));
  process.once("disconnect", () => process.exit(0));
}
