import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createTestAuth } from "../../../test/helpers/auth.ts";
import { addDeadLetter } from "../../../test/helpers/dead-letters.ts";
import { testLimits } from "../../../test/helpers/http-server.ts";
import { createHttpServer } from "../../adapters/http/server.ts";
import { writeAudit } from "../auth/administration.ts";
import { createReplayWorker } from "./replay.ts";
import { dlqRoutes } from "./routes.ts";

interface Json {
  readonly [member: string]: Json;
}

/** The real HTTP server with these routes, asked as an operator unless told otherwise. */
async function serve(t: TestContext) {
  const auth = await createTestAuth(t);
  const keys: Record<string, string> = {};
  for (const role of ["operator", "analyst", "service"]) {
    keys[role] = (await auth.service(role, role)).secret_key;
  }
  const directory = await auth.directory();
  const server = await createHttpServer({
    routes: dlqRoutes({ database: auth.app, validators: {}, audit: writeAudit }),
    authenticator: directory,
    observer: { route: () => () => {} },
    version: "0.0.0",
    dashboardFolder: "/nowhere",
    corsOrigins: [],
    trustedProxies: [],
    limits: testLimits,
  });
  t.after(() => server.close());
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
  async function ask(method: string, path: string, sent: { body?: unknown; role?: string } = {}) {
    const { body, role = "operator" } = sent;
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: {
        connection: "close",
        ...(keys[role] === undefined ? {} : { "x-api-key": keys[role] }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Json };
  }
  return { ...auth, ask };
}

test("from a failure to a replay, over HTTP alone", async (t) => {
  const { app, ask } = await serve(t);
  const ids: string[] = [];
  for (const key of ["a", "b", "c"]) {
    ids.push(await addDeadLetter(app, { key, reason: key === "c" ? "other" : "broken" }));
  }
  const groups = await ask("GET", "/api/dlq/groups?state=open");
  assert.deepEqual(groups.body["groups"]?.["length"], 2);
  const page = await ask("GET", "/api/dlq/letters?reason=broken&limit=1");
  assert.deepEqual([page.status, page.body["letters"]?.["length"]], [200, 1]);
  const next = await ask(
    "GET",
    `/api/dlq/letters?reason=broken&limit=1&cursor=${page.body["next_cursor"]}`,
  );
  assert.deepEqual([next.body["letters"]?.["length"], next.body["next_cursor"]], [1, null]);

  const edited = await ask("PUT", `/api/dlq/letters/${ids[0]}/edition`, { body: { fixed: 1 } });
  assert.equal(edited.body["edition"]?.["data"], '{"fixed":1}');
  assert.equal(edited.body["original"]?.["data"], '{"key":"a"}');

  const filter = { reason: "broken" };
  const dry = await ask("POST", "/api/dlq/replays", { body: { filter, dry_run: true } });
  assert.deepEqual(dry, { status: 200, body: { letters: 2 } });
  const replay = await ask("POST", "/api/dlq/replays", { body: { filter } });
  assert.deepEqual([replay.status, replay.body["total"], replay.body["state"]], [202, 2, "queued"]);
  const worker = createReplayWorker({
    database: app,
    replayers: [{ part: "test", replay: async () => ({ ok: true }) }],
  });
  const { signal } = new AbortController();
  while (await worker.step(signal)) {
    // until nothing is left to take
  }
  const ended = await ask("GET", `/api/dlq/replays/${replay.body["id"]}`);
  assert.deepEqual([ended.body["state"], ended.body["done"]], ["done", 2]);

  const last = await ask("POST", "/api/dlq/replays", { body: { filter: {} } });
  assert.equal(last.body["total"], 1);
  const cancelled = await ask("POST", `/api/dlq/replays/${last.body["id"]}/cancel`);
  assert.equal(cancelled.body["state"], "cancelled");
  const listed = await ask("GET", "/api/dlq/replays");
  assert.equal(listed.body["replays"]?.["length"], 2);
  const discarded = await ask("POST", "/api/dlq/discard", { body: { filter: { ids: [ids[2]] } } });
  assert.deepEqual(discarded.body, { letters: 1 });
  const log = await app.query<{ action: string; actor: string }>({
    text: "select action, actor from auth.audit_log where action like 'dlq.%' order by id",
  });
  assert.deepEqual(
    log.map(({ action }) => action),
    ["dlq.edit", "dlq.replay", "dlq.replay", "dlq.cancel", "dlq.discard"],
  );
  assert.ok(log.every(({ actor }) => actor.startsWith("operator/")));
});

test("without the permission nothing is read, edited, replayed or discarded", async (t) => {
  const { app, ask } = await serve(t);
  const id = await addDeadLetter(app, { key: "a" });
  const asked: readonly [string, string, unknown?][] = [
    ["GET", "/api/dlq/letters"],
    ["GET", "/api/dlq/groups"],
    ["GET", `/api/dlq/letters/${id}`],
    ["PUT", `/api/dlq/letters/${id}/edition`, {}],
    ["POST", "/api/dlq/discard", { filter: {} }],
    ["POST", "/api/dlq/replays", { filter: {} }],
    ["GET", "/api/dlq/replays"],
    ["GET", `/api/dlq/replays/${id}`],
    ["POST", `/api/dlq/replays/${id}/cancel`],
  ];
  for (const [method, path, body] of asked) {
    for (const [role, status] of [
      ["nobody", 401],
      ["service", 403],
      ["analyst", 403],
    ] as const) {
      const answer = await ask(method, path, { role, ...(body === undefined ? {} : { body }) });
      assert.equal(answer.status, status, `${role} ${method} ${path}`);
    }
  }
  const rows = await app.query({ text: "select state, edited from dlq.letters" });
  assert.deepEqual(rows, [{ state: "open", edited: null }]);
});

test("an invalid request is refused with a problem that says why", async (t) => {
  const { app, ask } = await serve(t);
  const id = await addDeadLetter(app, { key: "a" });
  const codeOf = async (...[method, path, body]: [string, string, unknown?]) => {
    const answer = await ask(method, path, body === undefined ? {} : { body });
    return `${answer.status} ${answer.body["code"]}`;
  };
  assert.equal(await codeOf("GET", "/api/dlq/letters/nothing"), "404 not_found");
  assert.equal(await codeOf("GET", `/api/dlq/replays/${id}`), "404 not_found");
  assert.equal(await codeOf("GET", "/api/dlq/letters?cursor=abc"), "422 unanswerable_query");
  assert.equal(await codeOf("GET", "/api/dlq/letters?state=lost"), "400 invalid_query");
  assert.equal(await codeOf("GET", "/api/dlq/letters?since=soon"), "400 invalid_query");
  const replay = (filter: unknown) => codeOf("POST", "/api/dlq/replays", { filter });
  assert.equal(await codeOf("POST", "/api/dlq/replays", {}), "422 invalid_request");
  assert.equal(await replay({ ids: ["x"] }), "422 invalid_request");
  assert.equal(await replay({ state: "resolved" }), "422 invalid_request");
  assert.equal(await replay({ colour: "red" }), "422 invalid_request");
});
