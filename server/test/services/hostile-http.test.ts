/**
 * What a hostile or broken client can do with bytes: each case of the raw-socket suite gets the answers
 * that it must get, in one piece and cut into pieces, and the server is well afterwards.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeRandom } from "../../../testing/random.ts";
import { openPool } from "../../src/adapters/postgres/pool.ts";
import { goodGet, type HttpCase } from "../helpers/hostile-http/case.ts";
import { framingCases } from "../helpers/hostile-http/framing.ts";
import { routingCases } from "../helpers/hostile-http/routing.ts";
import { type Answer, exchange, RawConnection } from "../helpers/raw-http.ts";
import { type RunningWeir, startWeir } from "../helpers/weir.ts";

/** How often all cases are cut into pieces, each time in other places. */
const rounds = Number(process.env["WEIR_TEST_HOSTILE_ROUNDS"] ?? 1);
const problemType = "application/problem+json; charset=utf-8";

/** What every answer must be, whatever was sent. */
function assertSound(answer: Answer, name: string): void {
  const { status, headers, body } = answer;
  assert.notEqual(status, 500, `${name}: ${body}`);
  if (status < 400) return;
  assert.equal(headers["content-type"], problemType, name);
  if (body === "") return;
  const problem = JSON.parse(Buffer.from(body, "latin1").toString("utf8"));
  assert.equal(problem.status, status, name);
  assert.doesNotMatch(
    body,
    /node:|\.ts:|\n\s+at |select |pg_/i,
    `${name}: no insides in an answer`,
  );
}

/** Log lines of the processes that tell of failures. */
function failuresIn(weir: RunningWeir): string[] {
  const folder = join(weir.dataDir, "logs");
  const files = readdirSync(folder).filter((name) => name.endsWith(".log"));
  assert.ok(files.length > 0, "there are logs");
  return files
    .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n"))
    .filter((line) => /"level":"(error|fatal)".*"request_id"|Warning|\n\s+at /.test(line));
}

test("the raw-socket suite", async (t) => {
  const weir = await startWeir(t);
  const port = Number(new URL(weir.run.url).port);
  const access = { key: weir.adminKey };
  const cases = [...framingCases(access), ...routingCases(access)];
  assert.ok(cases.length >= 400, `${cases.length} cases`);
  assert.equal(new Set(cases.map(({ name }) => name)).size, cases.length, "names are unique");

  const send = async (one: HttpCase) => {
    const { bytes, methods, half } = one;
    return exchange(t, port, {
      bytes,
      ...(methods && { methods: [...methods] }),
      ...(half && { half }),
    });
  };
  const check = (one: HttpCase, answers: readonly Answer[], how: string) => {
    const statuses = answers.map(({ status }) => status);
    const isOther = how === "in pieces" && String(statuses) === String(one.inPieces);
    assert.deepEqual(
      isOther ? one.statuses : statuses,
      one.statuses,
      `${one.name} (${how}): ${answers.at(-1)?.body.slice(0, 300)}`,
    );
    for (const answer of answers) assertSound(answer, one.name);
  };
  const failed: string[] = [];
  const attempt = async (work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      failed.push(String((error as Error).message).slice(0, 600));
    }
  };

  await t.test(`${cases.length} cases in one piece, with the server well after each`, async () => {
    for (const one of cases) {
      await attempt(async () => check(one, await send(one), "whole"));
      const [after] = await exchange(t, port, { bytes: goodGet });
      assert.equal(after?.status, 200, `after ${one.name}`);
    }
    assert.deepEqual(failed, []);
  });

  await t.test("the same cases cut into pieces", async () => {
    failed.length = 0;
    const random = makeRandom(20_261_130);
    for (const one of Array.from({ length: rounds }, () => cases).flat()) {
      await attempt(async () => {
        const connection = new RawConnection(t, port, one.methods);
        await connection.writeParts(pieces(one.bytes, random));
        if (one.half) connection.socket.end();
        check(one, await connection.closed(), "in pieces");
      });
    }
    assert.deepEqual(failed, []);
  });

  await t.test("one process answered all of them, and logged no failure", async () => {
    assert.equal(weir.process.exitCode, null);
    assert.deepEqual(failuresIn(weir), []);
    const pool = openPool({ url: weir.run.database_url, applicationName: "test", max: 1 });
    t.after(() => pool.close());
    const [stored] = await pool.query<{ n: number }>({
      text: "select count(*)::int as n from raw.events where event_type = 'hostile.http'",
    });
    const accepted = cases.flatMap(({ statuses }) => statuses).filter((status) => status === 202);
    // every 202 is an event, and no event is there without one
    assert.equal(stored?.n, (1 + rounds) * accepted.length);
  });
});

/** Up to 40 pieces of random lengths. */
function pieces(bytes: Buffer, random: () => number): Buffer[] {
  const cuts = Array.from({ length: Math.min(39, bytes.length) }, () =>
    Math.floor(random() * bytes.length),
  );
  const bounds = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
  return bounds
    .slice(1)
    .map((end, n) => bytes.subarray(bounds[n], end))
    .filter((piece) => piece.length > 0);
}
