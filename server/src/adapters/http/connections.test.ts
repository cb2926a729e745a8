/** Every request of a connection gets its own answer, in order, and connections end in time. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { until } from "../../../../testing/until.ts";
import { serveRoutes, type testLimits } from "../../../test/helpers/http-server.ts";
import { exchange, RawConnection } from "../../../test/helpers/raw-http.ts";
import type { Route } from "../../core/ports/route.ts";
import { attach } from "../websocket/attach.ts";

const common = { access: "permission", summary: "A route", responses: {} } as const;

/** Answers with its body, after `release` when its body says `slow`. */
function routesWith(blocked: Promise<void>): Route[] {
  return [
    {
      ...common,
      method: "POST",
      path: "/api/things/",
      view: "events.thing_ingest",
      body: { kind: "bytes", contentTypes: ["application/json"], description: "", limit: 2_000 },
      async handle({ body }) {
        const text = String(body);
        if (text.includes("slow")) await blocked;
        return { status: 202, body: text };
      },
    },
    {
      ...common,
      method: "GET",
      path: "/api/things/:id",
      view: "events.thing",
      async handle({ params, signal }) {
        signal.throwIfAborted();
        if (params["id"] === "slow") await blocked;
        return { status: 200, body: params["id"] };
      },
    },
    {
      ...common,
      method: "GET",
      path: "/api/big",
      view: "events.big",
      handle: async () => ({ status: 200, body: Buffer.alloc(32 * 1024 * 1024, "x") }),
    },
  ];
}

async function serve(t: TestContext, limits: Partial<typeof testLimits> = {}) {
  const { promise: blocked, resolve: release } = Promise.withResolvers<void>();
  t.after(() => release());
  const server = await serveRoutes(t, { routes: routesWith(blocked), limits });
  return { ...server, release };
}

const head = "HTTP/1.1\r\nhost: weir\r\nx-api-key: good\r\n";
const get = (id: string, more = "") => `GET /api/things/${id} ${head}${more}\r\n`;
const post = (body: string, more = "") =>
  `POST /api/things/ ${head}content-type: application/json\r\n${more}content-length: ${body.length}\r\n\r\n${body}`;
const chunked = (body: string) =>
  `POST /api/things/ ${head}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${body}`;
const upgrade =
  "GET /ws/events HTTP/1.1\r\nhost: weir\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

interface Pipeline {
  readonly bytes: string;
  readonly statuses: readonly number[];
  readonly methods?: readonly string[];
  /** Without it the connection stays open after the last answer. */
  readonly closes?: true;
}

/** The first request of each is answered last: its answer waits until the others were parsed. */
const pipelines: Readonly<Record<string, Pipeline>> = {
  "three requests": {
    bytes: post("slow") + get("2") + post("three"),
    statuses: [202, 200, 202],
  },
  "a refused request between two": {
    bytes: post("slow") + post("x", "content-encoding: nope\r\n") + get("3"),
    statuses: [202, 415, 200],
  },
  "HEAD between two": {
    bytes: `${post("slow")}HEAD /api/things/2 ${head}\r\n${get("3")}`,
    methods: ["POST", "HEAD", "GET"],
    statuses: [202, 200, 200],
  },
  "garbage behind a request": {
    bytes: `${post("slow")}garbage\r\n\r\n`,
    statuses: [202, 400],
    closes: true,
  },
  "a bad version behind a request": {
    bytes: `${post("slow")}GET / HTTP/3.0\r\nhost: weir\r\n\r\n`,
    statuses: [202, 505],
    closes: true,
  },
  "an unknown method behind a request": {
    bytes: `${post("slow")}foo / HTTP/1.1\r\nhost: weir\r\n\r\n`,
    statuses: [202, 501],
    closes: true,
  },
  "CONNECT behind a request": {
    bytes: `${post("slow")}CONNECT weir:443 HTTP/1.1\r\nhost: weir\r\n\r\n`,
    statuses: [202, 501],
    closes: true,
  },
  "headers that are too large behind a request": {
    bytes: `${post("slow")}GET / HTTP/1.1\r\nhost: weir\r\nx: ${"x".repeat(20_000)}\r\n\r\n`,
    statuses: [202, 431],
    closes: true,
  },
  "two Host headers behind a request, and an event that must not be processed behind them": {
    bytes: `${post("slow")}GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n${post("three")}`,
    statuses: [202, 400],
    closes: true,
  },
  "a broken chunk behind a request": {
    bytes: post("slow") + chunked("2\r\n{}\r\nzz\r\n"),
    statuses: [202, 400],
    closes: true,
  },
  "requests behind Connection: close": {
    bytes: post("slow", "connection: close\r\n") + get("2"),
    statuses: [202],
    closes: true,
  },
  "garbage behind Connection: close": {
    bytes: `${post("slow", "connection: close\r\n")}garbage\r\n\r\n`,
    statuses: [202],
    closes: true,
  },
  "100-continue between two": {
    bytes: post("slow") + post("two", "expect: 100-continue\r\n") + get("3"),
    statuses: [202, 100, 202, 200],
  },
  "an unknown expectation behind a request": {
    bytes: post("slow") + post("two", "expect: tea\r\n") + get("3"),
    statuses: [202, 417],
    closes: true,
  },
  "a WebSocket upgrade behind a request": {
    bytes: post("slow") + upgrade + get("3"),
    statuses: [202, 426],
    closes: true,
  },
};

for (const [name, { bytes, statuses, methods, closes }] of Object.entries(pipelines)) {
  test(`pipelined: ${name}`, async (t) => {
    const { port, release, http, seen } = await serve(t);
    t.after(
      attach(http.server, {
        path: "/ws/events",
        accept: () => Promise.reject(new Error("the upgrade was accepted")),
        refuse: (socket) => void socket.destroy(),
      }),
    );
    const connection = new RawConnection(t, port, methods);
    const parsed = new Promise((resolve) => http.server.once("request", resolve));
    connection.write(bytes);
    await parsed;
    // what is behind was parsed in the same turn: the first answer can be given now
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(connection.received.length, 0, "nothing overtakes the first answer");
    release();
    const answers = closes ? await connection.closed() : await connection.answered(statuses.length);
    assert.deepEqual(
      answers.map(({ status }) => status),
      statuses,
    );
    assert.equal(answers[0]?.body, "slow");
    assert.equal(answers.at(-1)?.body.includes("three") ?? false, name === "three requests");
    assert.ok(seen.length <= answers.length, "no request was processed without an answer");
    assert.equal(connection.isClosed, closes === true);
  });
}

test("requests that are split at every byte are answered in order", async (t) => {
  const { port, release } = await serve(t);
  release();
  const bytes = Buffer.from(
    `${post("one")}${get("2")}${chunked("3\r\nthr\r\n2\r\nee\r\n0\r\n\r\n")}${get("4")}`,
  );
  for (let cut = 1; cut < bytes.length; cut++) {
    const connection = new RawConnection(t, port);
    await connection.writeParts([bytes.subarray(0, cut), bytes.subarray(cut)]);
    const answers = await connection.answered(4);
    assert.deepEqual(
      answers.map(({ body }) => body),
      ["one", "2", "three", "4"],
      `cut at ${cut}`,
    );
    connection.socket.destroy();
  }
});

test("a client that closes its side gets the answers to what it sent whole, and then 400", async (t) => {
  const { port, release } = await serve(t);
  release();
  const whole = post("one") + get("2");
  const statuses = async (bytes: string) =>
    (await exchange(t, port, { bytes, half: true })).map(({ status }) => status);
  assert.deepEqual(await statuses(whole), [202, 200]);
  assert.deepEqual(await statuses(`${whole}GET /api/thi`), [202, 200, 400]);
  assert.deepEqual(await statuses(`${whole}${post("three").slice(0, -1)}`), [202, 200, 400]);
  assert.deepEqual(await statuses(""), []);
});

test("a body that is refused before it is read does not disturb the next request", async (t) => {
  const { port, release } = await serve(t);
  release();
  const unauthenticated = post("x".repeat(1_500)).replace("x-api-key: good\r\n", "");
  const connection = new RawConnection(t, port);
  connection.write(unauthenticated + get("2"));
  const answers = await connection.answered(2);
  assert.deepEqual(
    answers.map(({ status }) => status),
    [401, 200],
  );
});

test("Expect: 100-continue is answered once the sender is known and the body wanted", async (t) => {
  const { port, release } = await serve(t);
  release();
  const asking = (more: string, without = "") =>
    `POST /api/things/ ${head}content-type: application/json\r\nexpect: 100-continue\r\n${more}\r\n`.replace(
      without,
      "",
    );
  const wanted = new RawConnection(t, port);
  wanted.write(asking("content-length: 2\r\n"));
  assert.deepEqual(
    (await wanted.answered(1)).map(({ status }) => status),
    [100],
  );
  wanted.write("{}");
  assert.deepEqual(
    (await wanted.answered(2)).map(({ status }) => status),
    [100, 202],
  );
  for (const [bytes, status] of [
    [asking("content-length: 2\r\n", "x-api-key: good\r\n"), 401],
    [asking("content-length: 2001\r\n"), 413],
    [asking("content-length: 2\r\ncontent-encoding: nope\r\n"), 415],
  ] as const) {
    // without the 100 it is unknown whether the body follows: the connection ends
    const answers = await exchange(t, port, { bytes });
    assert.deepEqual(
      answers.map((answer) => [answer.status, answer.headers["connection"]]),
      [[status, "close"]],
    );
  }
});

test("the time limit holds to within a second: silence, headers, a body, a chunk", async (t) => {
  const { port, release } = await serve(t, { requestTimeoutMs: 1_000 });
  release();
  const half = post("{}").slice(0, -1);
  const cases: Readonly<Record<string, readonly [bytes: string, statuses: readonly number[]]>> = {
    silence: ["", [408]],
    "half a request line": ["POST /api/th", [408]],
    "half of the headers": ["POST /api/things/ HTTP/1.1\r\nhost: weir\r\n", [408]],
    "half a body": [half, [408]],
    "half a chunk": [chunked("5\r\nab"), [408]],
    "a body that is not read": [half.replace("good", "bad"), [401]],
    "a second request": [post("{}") + half, [202, 408]],
  };
  await Promise.all(
    Object.entries(cases).map(async ([name, [bytes, statuses]]) => {
      const began = performance.now();
      const answers = await exchange(t, port, { bytes });
      const took = performance.now() - began;
      assert.deepEqual(
        answers.map(({ status }) => status),
        statuses,
        name,
      );
      // Node looks every 30 s by default
      assert.ok(took >= 950 && took < 10_000, `${name}: ${took} ms`);
    }),
  );
});

test("a client that sends a byte now and then is cut too", async (t) => {
  const { port } = await serve(t, { requestTimeoutMs: 1_000 });
  const connection = new RawConnection(t, port);
  connection.write(post("x".repeat(100)).slice(0, -100));
  const drip = setInterval(() => connection.write("x"), 50);
  t.after(() => clearInterval(drip));
  const answers = await connection.closed();
  assert.deepEqual(
    answers.map(({ status }) => status),
    [408],
  );
});

test("a client that stops reading its answer is cut; one that reads slowly is not", async (t) => {
  const { port } = await serve(t, { requestTimeoutMs: 1_000 });
  const read = (pause: (chunks: number) => number) =>
    new Promise<number>((resolve) => {
      let bytes = 0;
      let chunks = 0;
      const socket = connect(port, "127.0.0.1");
      t.after(() => void socket.destroy());
      socket.on("error", () => undefined);
      socket.on("close", () => resolve(bytes));
      socket.on("data", (chunk) => {
        bytes += chunk.length;
        const ms = pause(chunks++);
        if (ms === 0) return;
        socket.pause();
        setTimeout(() => socket.resume(), ms);
      });
      socket.write(`GET /api/big ${head}connection: close\r\n\r\n`);
    });
  const whole = 32 * 1024 * 1024;
  const [stopped, slow] = await Promise.all([
    read((chunks) => (chunks === 0 ? 3_000 : 0)),
    read((chunks) => (chunks % 40 === 0 ? 300 : 0)),
  ]);
  assert.ok(stopped < whole, `${stopped} bytes`);
  assert.ok(slow > whole, `${slow} bytes`);
});

test("idle connections are closed after the keep-alive limit", async (t) => {
  const { port, release } = await serve(t, { keepAliveMs: 200 });
  release();
  const connection = new RawConnection(t, port);
  connection.write(get("1"));
  const answers = await connection.closed();
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200],
  );
});

test("connections beyond the limit get 503, and find room again when others close", async (t) => {
  const { port, release } = await serve(t, { maxConnections: 3 });
  release();
  const open = [1, 2, 3].map(() => new RawConnection(t, port));
  for (const connection of open) {
    connection.write(get("1"));
    await connection.answered(1);
  }
  const refused = await exchange(t, port, { bytes: get("1") });
  assert.deepEqual(
    refused.map(({ status, headers }) => [status, headers["retry-after"], headers["content-type"]]),
    [[503, "1", "application/problem+json; charset=utf-8"]],
  );
  open[0]?.socket.destroy();
  await until(
    async () =>
      (await exchange(t, port, { bytes: get("1", "connection: close\r\n") }))[0]?.status === 200,
    { what: "room for a connection" },
  );
});

test("100 requests on a connection leave no listener behind", async (t) => {
  const warnings: string[] = [];
  const onWarning = (warning: Error) => warnings.push(warning.message);
  process.on("warning", onWarning);
  t.after(() => void process.off("warning", onWarning));
  const { port, release, http } = await serve(t);
  release();
  const accepted = new Promise<import("node:net").Socket>((resolve) =>
    http.server.once("connection", resolve),
  );
  const connection = new RawConnection(t, port);
  const socket = await accepted;
  const count = () =>
    socket.eventNames().reduce((sum, name) => sum + socket.listenerCount(name), 0);
  connection.write(get("0"));
  await connection.answered(1);
  await until(() => count() > 0, { what: "the first answer to end" });
  const before = count();
  for (let n = 1; n <= 100; n++) {
    connection.write(n % 2 === 0 ? get(String(n)) : post(String(n)));
    await connection.answered(n + 1);
  }
  await until(() => count() <= before, { what: () => `${count()} listeners, ${before} before` });
  assert.deepEqual(warnings, []);
});

test("a query is notified when its client disconnects, and not otherwise", async (t) => {
  const { promise: started, resolve: start } = Promise.withResolvers<AbortSignal>();
  const { promise: end, resolve: finish } = Promise.withResolvers<void>();
  const { port } = await serveRoutes(t, {
    routes: [
      {
        ...common,
        method: "GET",
        path: "/api/query",
        view: "events.query",
        async handle({ signal }) {
          start(signal);
          await end;
          return { status: 200, body: String(signal.aborted) };
        },
      },
    ],
  });
  t.after(() => finish());
  const gone = new RawConnection(t, port);
  gone.write(`GET /api/query ${head}\r\n`);
  const signal = await started;
  assert.equal(signal.aborted, false);
  gone.socket.resetAndDestroy();
  await until(() => signal.aborted, { what: "the signal to abort" });
});
