/**
 * The Qdrant driver against Qdrant's own engine (testing/qdrant-shim), and against a Qdrant server
 * when `WEIR_TEST_QDRANT_URL` (and `WEIR_TEST_QDRANT_KEY`) name one.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { createTestFolder } from "../../../testing/database.ts";
import { type QdrantShim, startQdrantShim } from "../../../testing/qdrant-shim.ts";
import { vectorStoreConformance } from "../../src/adapters/vectors/conformance/conformance.ts";
import { createQdrantStore } from "../../src/adapters/vectors/qdrant/store.ts";
import {
  type CollectionSettings,
  type VectorStore,
  VectorStoreError,
} from "../../src/core/ports/vector-store.ts";

interface Exchange {
  readonly note?: string;
  readonly request: { readonly method: string; readonly path: string; readonly body?: unknown };
  readonly response: {
    readonly status: number;
    readonly contentType: string | null;
    readonly body: unknown;
  };
}

const transcripts = join(import.meta.dirname, "../../../testing/qdrant-shim/transcripts.json");

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

test("an API key over TLS, signed by a private authority; a wrong key and an unknown authority are reported", async (t) => {
  const folder = await createTestFolder(t);
  const [cert, key] = [join(folder, "server.crt"), join(folder, "server.key")];
  await promisify(execFile)("openssl", [
    ...["req", "-new", "-x509", "-days", "2", "-nodes", "-subj", "/CN=localhost"],
    ...["-addext", "subjectAltName=IP:127.0.0.1", "-newkey", "rsa:2048"],
    ...["-keyout", key, "-out", cert],
  ]);
  const { url } = await startQdrantShim(t, { apiKey: "right-key", tls: { cert, key } });
  assert.match(url, /^https:/);
  const ca = await readFile(cert, "utf8");
  const open = (options: { apiKey?: string; ca?: string }): VectorStore => {
    const store = createQdrantStore({ url, ...options });
    t.after(() => store.close());
    return store;
  };
  const store = open({ apiKey: "right-key", ca });
  assert.deepEqual(await store.ping(), { version: "1.18.3" });
  await store.createCollection("c", { dimension: 4 });
  assert.equal((await store.collection("c"))?.points, 0);
  const message = (pattern: RegExp) => (error: unknown) => {
    assert.ok(error instanceof VectorStoreError && error.code === "unavailable");
    assert.match(error.message, pattern);
    assert.doesNotMatch(error.message, /wrong-key/);
    return true;
  };
  await assert.rejects(open({ apiKey: "wrong-key", ca }).ping(), message(/API key/));
  await assert.rejects(open({ ca }).ping(), message(/API key/));
  await assert.rejects(open({ apiKey: "right-key" }).ping(), message(/SELF_SIGNED/));
});

test("a new collection has the requested payload indexes, and quantised vectors when enabled", async (t) => {
  const { url } = await startQdrantShim(t);
  const store = createQdrantStore({ url, scalarQuantisation: true });
  t.after(() => store.close());
  const settings = (payloadIndexes: CollectionSettings["payloadIndexes"] = {}) => ({
    dimension: 4,
    payloadIndexes,
  });
  await store.createCollection("c", settings({ category: "keyword" }));
  // an index that a later version of Weir needs is added to the collection that is there
  await store.createCollection("c", settings({ category: "keyword", price: "float" }));
  const answer = (await (await fetch(`${url}/collections/c`)).json()) as {
    result: {
      config: { quantization_config: unknown };
      payload_schema: Record<string, { data_type: string }>;
    };
  };
  assert.deepEqual(answer.result.config.quantization_config, {
    scalar: { type: "int8", quantile: 0.99, always_ram: true },
  });
  const types = Object.entries(answer.result.payload_schema).map(([name, { data_type }]) => [
    name,
    data_type,
  ]);
  assert.deepEqual(Object.fromEntries(types), { category: "keyword", price: "float" });
});

test("acknowledged points survive kill -9", async (t) => {
  const shim = await startQdrantShim(t);
  const store = createQdrantStore({ url: shim.url });
  t.after(() => store.close());
  await store.createCollection("c", { dimension: 2 });
  await store.switchAliases({ alias: "c" });
  const id = "00000000-0000-4000-8000-000000000001";
  await store.upsert("c", [{ id, vector: Float32Array.of(1, 0), payload: { n: 1 } }]);
  await shim.kill9();
  await assert.rejects(store.count("c"), VectorStoreError);
  await shim.start();
  assert.deepEqual(await store.retrieve("alias", [id]), [{ id, payload: { n: 1 } }]);
});

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
    // small batches, so that one upsert needs several
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
