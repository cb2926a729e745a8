import assert from "node:assert/strict";
import { test } from "node:test";
import { readAnswer, serveRoutes, speak } from "../../../test/helpers/http-server.ts";
import { WeirError } from "../../core/errors.ts";
import { asWeirError } from "../http/problems.ts";
import { attach } from "./attach.ts";

const upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n";

test("an upgrade that is refused, or has two Host headers, gets a problem document", async (t) => {
  const { http, port } = await serveRoutes(t, { routes: [] });
  t.after(
    attach(http.server, {
      path: "/ws/events",
      accept: () => Promise.reject(new WeirError("unauthenticated")),
      refuse: (socket, error) =>
        http.refuse(socket, asWeirError(error ?? new WeirError("not_found"))),
    }),
  );
  const cases: readonly (readonly [head: string, status: number])[] = [
    ["GET /ws/events HTTP/1.1\r\nhost: weir\r\n", 401],
    ["GET /ws/other HTTP/1.1\r\nhost: weir\r\n", 404],
    ["GET /ws/events HTTP/1.1\r\nhost: weir\r\nhost: other\r\n", 400],
    ["GET /ws/events HTTP/1.1\r\n", 400],
  ];
  for (const [head, status] of cases) {
    const key = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    const answer = readAnswer(await speak(port, `${head}${upgrade}${key}\r\n`));
    assert.equal(answer.status, status, head);
    assert.equal(answer.headers["content-type"], "application/problem+json; charset=utf-8");
    assert.equal(JSON.parse(answer.body).status, status);
  }
});
