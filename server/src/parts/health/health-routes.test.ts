import assert from "node:assert/strict";
import { test } from "node:test";
import { readAnswer, serveRoutes, speak } from "../../../test/helpers/http-server.ts";
import type { CheckResult } from "../../core/ports/health-check.ts";
import { healthRoutes } from "./health-routes.ts";

function routes(state: { postgres: CheckResult["status"]; draining?: boolean }) {
  return healthRoutes({
    version: "1.2.3",
    checks: {
      postgres: async () => ({ status: state.postgres, detail: "a detail", ms: 7 }),
      etl: async () => ({ status: "degraded", facts: { read_s: 3 } }),
    },
    needed: ["postgres"],
    draining: () => state.draining === true,
    dataDir: "/",
    metrics: async () => "",
  });
}

const get = (path: string, headers = "") =>
  `GET ${path} HTTP/1.1\r\nhost: weir\r\nconnection: close\r\n${headers}\r\n`;

test("without the permission for details, health answers its status and nothing else", async (t) => {
  const state = { postgres: "ok" as CheckResult["status"], draining: false };
  const { port } = await serveRoutes(t, { routes: routes(state) });
  const ask = async (path: string, headers = "") => {
    const { status, body } = readAnswer(await speak(port, get(path, headers)));
    return [status, JSON.parse(body)];
  };
  for (const headers of ["", "x-api-key: weak\r\n", "cookie: weir_session=unknown\r\n"]) {
    assert.deepEqual(await ask("/health", headers), [200, { status: "degraded" }]);
    assert.deepEqual(await ask("/health/live", headers), [200, { status: "ok" }]);
    assert.deepEqual(await ask("/health/ready", headers), [200, { status: "ok" }]);
    assert.deepEqual(await ask("/health/etl", headers), [200, { status: "degraded" }]);
    assert.deepEqual(await ask("/health/system", headers), [200, { status: "ok" }]);
  }
  const [wrong, problem] = await ask("/health", "x-api-key: bad\r\n");
  assert.deepEqual([wrong, problem.code], [401, "unauthenticated"]);
  state.postgres = "down";
  assert.deepEqual(await ask("/health/ready"), [503, { status: "down" }]);
  state.postgres = "ok";
  state.draining = true;
  assert.deepEqual(await ask("/health/ready"), [503, { status: "down" }]);
});

test("with the permission, health answers version, checks and facts", async (t) => {
  const { port } = await serveRoutes(t, { routes: routes({ postgres: "ok" }) });
  for (const headers of ["x-api-key: good\r\n", "cookie: weir_session=known\r\n"]) {
    const answer = readAnswer(await speak(port, get("/health", headers)));
    assert.deepEqual(JSON.parse(answer.body), {
      status: "degraded",
      version: "1.2.3",
      checks: {
        postgres: { status: "ok", detail: "a detail", ms: 7 },
        etl: { status: "degraded", facts: { read_s: 3 } },
      },
    });
    const system = readAnswer(await speak(port, get("/health/system", headers)));
    assert.ok(JSON.parse(system.body).checks.system.facts.memory_total_bytes > 0);
  }
});
