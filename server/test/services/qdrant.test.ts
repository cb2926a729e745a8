/**
 * The Qdrant driver against Qdrant's own engine (server/test/qdrant-shim), and against a Qdrant server
 * when `WEIR_TEST_QDRANT_URL` (and `WEIR_TEST_QDRANT_KEY`) name one.
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { vectorStoreConformance } from "../../src/vectors/conformance.ts";
import { createQdrantStore } from "../../src/vectors/qdrant-store.ts";
import { type QdrantShim, startQdrantShim } from "../helpers/qdrant-shim.ts";

interface Exchange {
  readonly note?: string;
  readonly request: { readonly method: string; readonly path: string; readonly body?: unknown };
  readonly response: {
    readonly status: number;
    readonly contentType: string | null;
    readonly body: unknown;
  };
}

const transcripts = join(import.meta.dirname, "../qdrant-shim/transcripts.json");

test("the shim answers every recorded request as the Qdrant server did", async (t) => {
  const { url } = await startQdrantShim(t);
  const { pairs } = JSON.parse(await readFile(transcripts, "utf8")) as { pairs: Exchange[] };
  assert.equal(pairs.length, 66);
  for (const [index, { note = "", request, response }] of pairs.entries()) {
    const { method, path, body } = request;
    const answer = await fetch(url + path, {
      method,
      ...(body === undefined || body === null
        ? {}
        : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    const text = await answer.text();
    const isJson = response.contentType === "application/json";
    const what = `${index}: ${method} ${path} ${note}`;
    assert.equal(answer.status, response.status, `${what}: ${text}`);
    assert.equal(answer.headers.get("content-type"), response.contentType, what);
    assert.deepEqual(comparable(isJson ? JSON.parse(text) : text), comparable(response.body), what);
  }
});

/** Members that differ from run to run; nothing else may differ. */
const volatile: Readonly<Record<string, unknown>> = {
  time: 0,
  segments_count: 0,
  checksum: "",
  creation_time: "",
};

/** Numbers in single precision, as the server prints them; points with equal scores by their id. */
function comparable(value: unknown): unknown {
  if (typeof value === "number") return Number.isInteger(value) ? value : Math.fround(value);
  if (Array.isArray(value)) {
    const each = value.map(comparable) as { score?: number; id?: string | number }[];
    return each.every((point) => point?.score !== undefined)
      ? each.sort(
          (a, b) =>
            (b.score as number) - (a.score as number) || String(a.id).localeCompare(String(b.id)),
        )
      : each;
  }
  if (typeof value !== "object" || value === null) return value;
  const isSnapshot = "checksum" in value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      if (isSnapshot && (name === "name" || name === "size")) return [name, typeof member];
      return [name, name in volatile ? volatile[name] : comparable(member)];
    }),
  );
}

describe("conformance against Qdrant's engine", () => {
  let shim: QdrantShim;
  const cleanUp: (() => void | Promise<void>)[] = [];
  before(async () => {
    shim = await startQdrantShim({ after: (work) => void cleanUp.push(work) });
  });
  after(async () => {
    for (const work of cleanUp) await work();
  });
  vectorStoreConformance(async (t) => {
    // small batches, so that one upsert takes several
    const store = createQdrantStore({ url: shim.url, batchPoints: 700, batchBytes: 256 * 1024 });
    t.after(() => t.after(() => store.close()));
    return store;
  });
});

const server = process.env["WEIR_TEST_QDRANT_URL"];
if (server !== undefined && server !== "") {
  const apiKey = process.env["WEIR_TEST_QDRANT_KEY"];
  for (const scalarQuantisation of [false, true]) {
    describe(`conformance against ${server}, quantised: ${scalarQuantisation}`, () => {
      vectorStoreConformance(async (t) => {
        const store = createQdrantStore({
          url: server,
          scalarQuantisation,
          ...(apiKey === undefined ? {} : { apiKey }),
        });
        t.after(() => t.after(() => store.close()));
        return store;
      });
    });
  }
}
