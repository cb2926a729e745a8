/**
 * Promise 2: a sender whose connection is cut before the answer sends again and hears `duplicate`;
 * the event is stored once.
 *
 * Control: without an id of its own the second sending is another event, and the test sees two.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { test } from "node:test";
import { until } from "../../../testing/until.ts";
import { openPool } from "../../src/adapters/postgres/pool.ts";
import { type RunningWeir, startWeir } from "../helpers/weir.ts";

test("a retry after a cut connection gives `duplicate`, and the event is stored once", async (t) => {
  const weir = await startWeir(t);
  const eventType = `cut.${randomUUID()}`;
  const event = JSON.stringify({ event_id: randomUUID(), event_type: eventType });
  await sendAndCut(weir, event);
  // Committed, although the answer reached no one.
  await untilStored(weir, eventType, 1);

  const answer = await send(weir, event);
  assert.equal(answer.status, 202);
  assert.equal(answer.verdict, "duplicate");
  assert.equal(await stored(weir, eventType), 1);

  const changed = await send(weir, event.replace("}", ',"user_id":"other"}'));
  assert.equal(changed.status, 409, "the same id with other content is a conflict");
  assert.equal(await stored(weir, eventType), 1);
});

test("control: without an id of its own, the second sending is a second event", async (t) => {
  const weir = await startWeir(t);
  const eventType = `cut.${randomUUID()}`;
  const event = JSON.stringify({ event_type: eventType });
  await sendAndCut(weir, event);
  await untilStored(weir, eventType, 1);
  assert.equal((await send(weir, event)).verdict, "accepted");
  assert.equal(await stored(weir, eventType), 2);
});

/** Writes the whole request and cuts the connection without reading a byte of the answer. */
function sendAndCut({ run, adminKey }: RunningWeir, body: string): Promise<void> {
  const { hostname, port } = new URL(run.url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    socket.once("error", reject);
    socket.write(
      `POST /api/events/ HTTP/1.1\r\nhost: ${hostname}\r\nx-api-key: ${adminKey}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      () => {
        socket.off("error", reject);
        socket.on("error", () => {});
        socket.resetAndDestroy();
        resolve();
      },
    );
  });
}

async function send({ run, adminKey }: RunningWeir, body: string) {
  const response = await fetch(`${run.url}/api/events/`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": adminKey },
    body,
  });
  const { verdict } = (await response.json()) as { verdict?: string };
  return { status: response.status, verdict };
}

async function stored({ run }: RunningWeir, eventType: string): Promise<number> {
  await using pool = openPool({ url: run.database_url, applicationName: "test", max: 1 });
  const [row] = await pool.query<{ count: string }>({
    text: "select count(*) from raw.events where event_type = $1",
    values: [eventType],
  });
  return Number(row?.count);
}

function untilStored(weir: RunningWeir, eventType: string, count: number): Promise<boolean> {
  return until(async () => (await stored(weir, eventType)) === count, {
    what: `${count} stored events of ${eventType}`,
  });
}
