import assert from "node:assert/strict";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import { type TestContext, test } from "node:test";
import { listenLocally } from "../../../../../testing/local-port.ts";
import { EmbeddingError } from "../../../core/ports/embedder.ts";
import type { Guard } from "../../../core/ports/guard.ts";
import { createHttpEmbedder, type HttpEmbedderSettings } from "./http.ts";

interface Request {
  readonly headers: IncomingHttpHeaders;
  readonly body: { readonly model: string; readonly input: string[]; readonly dimensions?: number };
}

type Answer = (request: Request, response: ServerResponse) => unknown;

/** Calls once, with the caller's signal: what the guard adds has its own tests. */
const once: Guard = {
  name: "embedder",
  state: "CLOSED",
  retryAfterMs: 0,
  execute: (work, signal) => work(signal ?? new AbortController().signal),
};

/** An endpoint on this machine; what `answer` returns is sent as JSON. */
async function startEndpoint(t: TestContext, answer: Answer) {
  const requests: Request[] = [];
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const request = {
        headers: incoming.headers,
        body: JSON.parse(Buffer.concat(chunks).toString()) as Request["body"],
      };
      requests.push(request);
      const body = answer(request, response);
      if (body !== undefined) response.end(JSON.stringify(body));
    });
  });
  const port = await listenLocally(t, server);
  const open = (settings: Partial<HttpEmbedderSettings> = {}, guard: Guard = once) =>
    createHttpEmbedder(
      { url: `http://127.0.0.1:${port}/v1/embeddings?k=in-query`, model: "m", ...settings },
      { guard, apiKey: "sk-secret" },
    );
  return { requests, open };
}

/** The vector of a text tells how long it is; the last one comes first, as the order is free. */
const lengths: Answer = ({ body }) => ({
  data: body.input.map((text, index) => ({ index, embedding: [text.length, 1, 0] })).reverse(),
});

const refusal = (retryable: boolean, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof EmbeddingError, String(error));
  assert.equal(error.retryable, retryable, error.message);
  assert.match(error.message, message);
  assert.doesNotMatch(`${error.stack}${error.message}`, /sk-secret|in-query/);
  return true;
};

test("finds out the dimension, keeps the order by index and normalises", async (t) => {
  const { open, requests } = await startEndpoint(t, lengths);
  const embedder = await open();
  assert.equal(embedder.dimension, 3);
  const [three, four] = await embedder.embed(["abc", "abcd"]);
  assert.ok(Math.abs((three?.[0] ?? 0) - 3 / Math.sqrt(10)) < 1e-6);
  assert.ok(Math.abs((four?.[0] ?? 0) - 4 / Math.sqrt(17)) < 1e-6);
  assert.equal(requests[0]?.headers.authorization, "Bearer sk-secret");
  assert.deepEqual(requests.at(-1)?.body.input, ["abc", "abcd"]);
});

test("the configured dimension is requested, without a first request to find it", async (t) => {
  const { open, requests } = await startEndpoint(t, lengths);
  const embedder = await open({ dimension: 3 });
  assert.equal(requests.length, 0);
  await embedder.embed(["a"]);
  assert.equal(requests[0]?.body.dimensions, 3);
});

test("sends batches within the limits of count and bytes, and no blank text", async (t) => {
  const { open, requests } = await startEndpoint(t, lengths);
  const embedder = await open({ dimension: 3, batchTexts: 2, batchBytes: 10 });
  const vectors = await embedder.embed(["a", "b", " ", "c", "ğğğğğ", "d", "x".repeat(50)]);
  assert.deepEqual(
    requests.map(({ body }) => body.input),
    [["a", "b"], ["c"], ["ğğğğğ"], ["d"], ["x".repeat(50)]],
  );
  assert.deepEqual([...(vectors[2] as Float32Array)], [0, 0, 0]);
  assert.ok(Math.abs((vectors[6]?.[0] ?? 0) - 1) < 1e-3);
});

for (const [status, retryable] of [
  [400, false],
  [413, false],
  [422, false],
  [401, true],
  [403, true],
  [404, true],
  [429, true],
  [500, true],
  [503, true],
] as const) {
  test(`an answer ${status} is ${retryable ? "" : "not "}worth a retry`, async (t) => {
    const { open } = await startEndpoint(t, (_, response) => {
      response.statusCode = status;
      return { error: { message: "bad key sk-secret" } };
    });
    const embedder = await open({ dimension: 3 });
    await assert.rejects(embedder.embed(["a"]), refusal(retryable, new RegExp(`${status}`)));
  });
}

for (const [what, message, body] of [
  ["no data", /without `data`/, {}],
  ["too few vectors", /sent 0 vectors for 1/, { data: [] }],
  ["another dimension", /2 dimensions/, { data: [{ index: 0, embedding: [1, 2] }] }],
  ["an index out of range", /valid `index`/, { data: [{ index: 1, embedding: [1, 2, 3] }] }],
  ["null for infinity", /finite/, { data: [{ index: 0, embedding: [1, null, 3] }] }],
  ["numbers beyond float32", /float32/, { data: [{ index: 0, embedding: [1e300, 1, 3] }] }],
] as const) {
  test(`an answer with ${what} is refused`, async (t) => {
    const { open } = await startEndpoint(t, () => body);
    const embedder = await open({ dimension: 3 });
    await assert.rejects(embedder.embed(["a"]), refusal(true, message));
  });
}

test("one index sent twice is refused", async (t) => {
  const { open } = await startEndpoint(t, () => ({
    data: [
      { index: 0, embedding: [1, 2, 3] },
      { index: 0, embedding: [1, 2, 3] },
    ],
  }));
  const embedder = await open({ dimension: 3 });
  await assert.rejects(embedder.embed(["a", "b"]), refusal(true, /index 0 twice/));
});

test("a broken connection and an answer that is no JSON are worth a retry", async (t) => {
  const { open } = await startEndpoint(t, ({ body }, response) => {
    if (body.input[0] === "cut") response.destroy();
    else response.end("<html>");
  });
  const embedder = await open({ dimension: 3 });
  await assert.rejects(embedder.embed(["cut"]), refusal(true, /does not answer/));
  await assert.rejects(embedder.embed(["page"]), refusal(true, /no JSON/));
});

test("a request to an endpoint that does not answer ends after the time limit", async (t) => {
  const { open } = await startEndpoint(t, () => undefined);
  const embedder = await open({ dimension: 3, timeoutMs: 50 });
  await assert.rejects(embedder.embed(["a"]), refusal(true, /does not answer/));
});

test("an abort ends the request", async (t) => {
  const { open, requests } = await startEndpoint(t, () => controller.abort() as undefined);
  const controller = new AbortController();
  const embedder = await open({ dimension: 3 });
  await assert.rejects(embedder.embed(["a"], controller.signal), { name: "AbortError" });
  assert.equal(requests.length, 1);
});

test("a redirect is not followed, as the key is for this endpoint", async (t) => {
  const { open } = await startEndpoint(t, (_, response) => {
    response.writeHead(307, { location: "http://127.0.0.1:1/" }).end();
  });
  const embedder = await open({ dimension: 3 });
  await assert.rejects(embedder.embed(["a"]), refusal(true, /does not answer/));
});

test("every request goes through the guard", async (t) => {
  let attempts = 0;
  const twice: Guard = {
    ...once,
    execute: (work, signal) => once.execute(work, signal).catch(() => once.execute(work, signal)),
  };
  const { open } = await startEndpoint(t, (request, response) => {
    attempts++;
    if (attempts % 2 === 0) return lengths(request, response);
    response.statusCode = 503;
    return {};
  });
  const embedder = await open({}, twice);
  await embedder.embed(["a"]);
  assert.equal(attempts, 4);
});
