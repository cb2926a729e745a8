/**
 * Promise 3: a revoked key or grant stops working within 1 s in every process, for requests, for
 * browser sessions and for what holds a principal (open sockets). Measured from the commit to what
 * another process answers. Control: a directory that never refreshes must fail the same test.
 */
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { assertWithin } from "../../../testing/too-late.ts";
import { until } from "../../../testing/until.ts";
import type { Administration } from "../../src/parts/auth/administration.ts";
import { localActor } from "../../src/parts/auth/bounds.ts";
import { revokeKey } from "../../src/parts/auth/keys.ts";
import { addPermission, removePermission } from "../../src/parts/auth/permissions.ts";
import { replaceRole } from "../../src/parts/auth/roles.ts";
import { updateService } from "../../src/parts/auth/services.ts";
import { endSession, openSession } from "../../src/parts/auth/sessions.ts";
import { createTestAuth } from "../helpers/auth.ts";
import type { DirectoryProcessTask, DirectoryReport } from "../helpers/directory-process.ts";

const permission = "analytics.get.overview";
const child = fileURLToPath(new URL("../helpers/directory-process.ts", import.meta.url));

interface Case {
  readonly name: string;
  readonly refresh: DirectoryProcessTask["refresh"];
  /** Where the permission comes from before; default the role. */
  readonly granted?: "extra";
  readonly revoke: (by: Administration, about: About) => Promise<unknown>;
  /** What must be refused, and how; the rest must still be allowed. */
  readonly refused: Partial<Record<"request" | "session" | "socket", string>>;
}

interface About {
  readonly keyId: string;
  readonly sessionToken: string;
}

const all = (code: string) => ({ request: code, session: code, socket: "forbidden" });
const keyEnds = { request: "key_revoked", session: "unauthenticated", socket: "forbidden" };
const revokesKey = (by: Administration, { keyId }: About) => revokeKey(by, keyId);

const cases: readonly Case[] = [
  { name: "a revoked key", refresh: "notified", revoke: revokesKey, refused: keyEnds },
  {
    name: "a revoked key, when no notification arrives",
    refresh: "polling",
    revoke: revokesKey,
    refused: keyEnds,
  },
  {
    name: "a revoked permission",
    refresh: "notified",
    revoke: (by) => addPermission(by, { service: "shop", permission, kind: "revoked" }),
    refused: all("forbidden"),
  },
  {
    name: "an extra permission removed",
    refresh: "polling",
    granted: "extra",
    revoke: (by) => removePermission(by, { service: "shop", permission, kind: "extra" }),
    refused: all("forbidden"),
  },
  {
    name: "another role",
    refresh: "notified",
    revoke: (by) => updateService(by, "shop", { role: "service" }),
    refused: all("forbidden"),
  },
  {
    name: "a role with less in it",
    refresh: "notified",
    revoke: (by) => replaceRole(by, { name: "viewer", permissions: ["common.get.meta"] }),
    refused: all("forbidden"),
  },
  {
    name: "a disabled service",
    refresh: "notified",
    revoke: (by) => updateService(by, "shop", { disabled: true }),
    refused: keyEnds,
  },
  {
    name: "a session that was signed out",
    refresh: "notified",
    revoke: (by, { sessionToken }) => endSession(by.database, sessionToken),
    refused: { session: "unauthenticated" },
  },
];

/** Milliseconds from the commit until the other process refuses what it must. */
async function measure(t: TestContext, one: Case, limitMs: number): Promise<number> {
  const auth = await createTestAuth(t);
  const by = { ...auth.administration, actor: localActor("test") };
  const role = one.granted === "extra" ? "service" : "viewer";
  const { id: keyId, secret_key: key } = await auth.service("shop", role);
  if (one.granted === "extra") {
    await addPermission(by, { service: "shop", permission, kind: "extra" });
  }
  const { token: sessionToken } = await openSession(
    { ...by, database: auth.app, now: Date.now },
    keyId,
  );

  const other = fork(child, { stdio: "inherit" });
  const gone = new Promise((resolve) => other.once("exit", resolve));
  t.after(async () => {
    other.kill("SIGKILL");
    await gone;
  });
  const reports: DirectoryReport[] = [];
  other.on("message", (report) => reports.push(report as DirectoryReport));
  const task: DirectoryProcessTask = {
    url: auth.urls.app,
    key,
    sessionToken,
    permission,
    refresh: one.refresh,
  };
  other.send(task);
  const open = { request: "allowed", session: "allowed", socket: "allowed" };
  await until(() => isIn(reports.at(-1), open), { what: "the other process" });

  await one.revoke(by, { keyId, sessionToken });
  const committed = performance.timeOrigin + performance.now();
  const wanted = { ...open, ...one.refused };
  const report = await until(() => reports.find((found) => isIn(found, wanted)), {
    what: () => `${JSON.stringify(wanted)}; last was ${JSON.stringify(reports.at(-1))}`,
    timeoutMs: limitMs,
    everyMs: 5,
  });
  return report.at - committed;
}

function isIn(report: DirectoryReport | undefined, wanted: Omit<DirectoryReport, "at">): boolean {
  return (
    report !== undefined &&
    report.request === wanted.request &&
    report.session === wanted.session &&
    report.socket === wanted.socket
  );
}

for (const one of cases) {
  test(`${one.name} stops working in another process within 1 s`, async (t) => {
    const took = await measure(t, one, 30_000);
    t.diagnostic(`${took.toFixed(1)} ms after the commit (${one.refresh})`);
    assertWithin(took, 1_000, "the revocation");
  });
}

test("control: a directory that never looks again is found out", async (t) => {
  const [one] = cases;
  assert.ok(one !== undefined);
  await assert.rejects(measure(t, { ...one, refresh: "off" }, 1_500), /waited 1500 ms/);
});
