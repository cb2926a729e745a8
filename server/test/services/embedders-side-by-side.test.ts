/** Embedders of every kind side by side: added on the command line, filled, queried, live, removed. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { until } from "../../../testing/until.ts";
import { startEndpoint } from "../helpers/embeddings-endpoint.ts";
import { runCommand, startWeir } from "../helpers/weir.ts";

const tiny = join(import.meta.dirname, "..", "parity", "tiny-transformer");
const key = "sk-of-the-endpoint";

interface Model {
  readonly id: string;
  readonly kind: string;
  readonly state: string;
  readonly error: string | null;
}

test("a transformer and an endpoint are filled beside the built-in model, answer by name, go live, and are removed", async (t) => {
  const endpoint = await startEndpoint(t);
  const environment = {
    WEIR_EMBEDDINGS_HTTP_URL: endpoint.url,
    WEIR_EMBEDDINGS_HTTP_MODEL: "colours",
    WEIR_EMBEDDINGS_HTTP_API_KEY: key,
    WEIR_RESILIENCE_GUARDS_EMBEDDER_BREAKER_OPEN_MS: "1000",
  };
  const weir = await startWeir(t, { environment });
  const { url } = weir.run;
  const command = (...parameters: string[]) =>
    runCommand([...parameters, "--data", weir.dataDir], environment);
  const call = async (path: string, body?: unknown) => {
    const answer = await fetch(`${url}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${weir.adminKey}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    // biome-ignore lint/suspicious/noExplicitAny: answers of several forms
    return { status: answer.status, body: (await answer.json()) as any };
  };
  const models = async () => (await call("/api/models")).body.models as Model[];
  const search = async (text: string, model?: string) => {
    const { status, body } = await call("/api/search", { text, ...(model ? { model } : {}) });
    assert.equal(status, 200, JSON.stringify(body));
    return {
      ids: body.results.map((found: { product_id: string }) => found.product_id) as string[],
      model: body.source.model.id as string,
    };
  };

  const colours = ["red", "green", "blue"];
  await call(
    "/api/events/batch",
    colours.map((colour) => ({
      event_type: "product.view",
      user_id: `likes-${colour}`,
      product: { id: colour, name: `${colour} coffee mug` },
    })),
  );
  await until(async () => (await call("/api/products/red/similar")).status === 200, {
    what: "the built-in model to know the products",
  });

  const added = await command("models", "add", "transformer", tiny, "--device", "cpu");
  assert.equal(added.exitCode, 0, added.output);
  const addedToo = await command("models", "add", "http");
  assert.equal(addedToo.exitCode, 0, addedToo.output);
  const again = await command("models", "add", "http");
  assert.equal(again.exitCode, 1);
  assert.match(again.output, /exists already/);

  const filled = await until(
    async () => {
      const listed = await models();
      for (const { id, error } of listed) assert.equal(error, null, id);
      const ready = listed.filter(({ state }) => state === "ready");
      return ready.length === 2 ? ready : undefined;
    },
    { what: "both models to be filled" },
  );
  const idOf = (kind: string) => filled.find((model) => model.kind === kind)?.id ?? "";
  const [own] = (await models()).filter(({ state }) => state === "live");

  for (const kind of ["transformer", "http"]) {
    const { ids, model } = await search("blue", idOf(kind));
    assert.equal(model, idOf(kind));
    assert.deepEqual([...ids].sort(), [...colours].sort(), kind);
  }
  assert.equal((await search("something blue", idOf("http"))).ids[0], "blue");
  assert.equal(
    (await search("blue")).model,
    own?.id,
    "the built-in model still answers other queries",
  );
  assert.ok(endpoint.asked.length > 0);
  for (const { authorization } of endpoint.asked) assert.equal(authorization, `Bearer ${key}`);

  // new points are written for all three
  await call("/api/events", {
    event_type: "product.view",
    user_id: "u",
    product: { id: "late", name: "A late blue tea cup" },
  });
  await until(async () => (await search("late blue", idOf("http"))).ids.includes("late"), {
    what: "the late product in the endpoint's collection",
  });

  // while the endpoint is down the live model continues, and the other catches up afterwards
  endpoint.state.down = true;
  await call("/api/events", {
    event_type: "product.view",
    user_id: "u",
    product: { id: "meanwhile", name: "Meanwhile a red kettle" },
  });
  await until(async () => (await search("red kettle")).ids.includes("meanwhile"), {
    what: "the built-in model to find the new product",
  });
  const breakers = await until(
    async () => {
      const { breakers: found } = (await call("/health")).body.checks;
      return found.status === "degraded" ? found : undefined;
    },
    { what: "health to report the breaker of the embedding process" },
  );
  assert.match(breakers.detail, /^no answer from embedder \(called by stream\)/);
  assert.notEqual(breakers.facts.embedder, "CLOSED");
  await until(
    async () => (await models()).some(({ kind, error }) => kind === "http" && error !== null),
    { what: "the list of models to report that the endpoint's is behind, and why" },
  );
  endpoint.state.down = false;
  await until(async () => (await search("red kettle", idOf("http"))).ids.includes("meanwhile"), {
    what: "the endpoint's model to have caught up",
  });
  await until(
    async () =>
      (await models()).every(({ error, state }) => error === null && state !== "building"),
    { what: "nothing to be behind any more" },
  );

  const used = await command("models", "use", idOf("http"));
  assert.equal(used.exitCode, 0, used.output);
  await until(async () => (await search("green")).model === idOf("http"), {
    what: "the endpoint's model to be live",
  });
  assert.equal((await search("green")).ids[0], "green");
  const kept = await command("models", "remove", idOf("http"));
  assert.equal(kept.exitCode, 1);
  assert.match(kept.output, /is live/);

  const removed = await command("models", "remove", idOf("transformer"));
  assert.equal(removed.exitCode, 0, removed.output);
  const gone = await until(
    async () => {
      const { status, body } = await call("/api/search", {
        text: "red",
        model: idOf("transformer"),
      });
      return status === 200 ? undefined : { status, body };
    },
    { what: "the removed model to answer no more" },
  );
  assert.equal(gone.status, 422);
  assert.match(gone.body.detail, /there is no filled model "transformer-/);
  assert.ok(!weir.output().includes(key), "no log contains the key");
});

test("a model that cannot be added is refused with a message that says what to do", async (t) => {
  const weir = await startWeir(t);
  const add = async (
    parameters: string[],
    { code, environment = {} }: { code: number; environment?: Record<string, string> },
  ) => {
    const { exitCode, output } = await runCommand(
      ["models", "add", ...parameters, "--data", weir.dataDir],
      environment,
    );
    assert.equal(exitCode, code, output);
    return output;
  };
  const usage = { code: 2 };
  const failed = { code: 1 };
  assert.match(
    await add(["word2vec"], usage),
    /"word2vec" cannot be added.*\n.*transformer or http/,
  );
  assert.match(await add(["transformer"], usage), /the folder .* is missing/);
  assert.match(
    await add(["transformer", "/no/such/folder"], failed),
    /there is no folder \/no\/such/,
  );
  assert.match(await add(["transformer", weir.dataDir], failed), /no model\.onnx/);
  assert.match(await add(["transformer", tiny, "--device", "tpu"], usage), /"tpu" is not a device/);
  assert.match(await add(["http"], failed), /name no endpoint.*\n.*WEIR_EMBEDDINGS_HTTP_URL/);
  const environment = {
    WEIR_EMBEDDINGS_HTTP_URL: "http://127.0.0.1:9/v1/embeddings",
    WEIR_EMBEDDINGS_HTTP_MODEL: "m",
  };
  assert.match(
    await add(["http"], { code: 1, environment }),
    /127\.0\.0\.1:9\/v1\/embeddings does not answer/,
  );
});
