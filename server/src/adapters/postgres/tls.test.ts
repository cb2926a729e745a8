import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { createTestFolder, startTestServer } from "../../../../testing/database.ts";
import { DatabaseError } from "../../core/ports/database.ts";
import { openNotifications } from "./notifications.ts";
import { openPool } from "./pool.ts";
import { setRolePasswords } from "./role-passwords.ts";

const run = promisify(execFile);
const hasOpenssl = await run("openssl", ["version"]).then(
  () => true,
  () => false,
);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** An external PostgreSQL: TCP, TLS only, passwords. */
async function externalServer(t: TestContext) {
  const folder = await createTestFolder(t);
  const certificate = join(folder, "server.crt");
  const key = join(folder, "server.key");
  await run("openssl", [
    ...["req", "-new", "-x509", "-days", "2", "-nodes", "-subj", "/CN=localhost"],
    ...["-addext", "subjectAltName=DNS:localhost", "-newkey", "rsa:2048"],
    ...["-keyout", key, "-out", certificate],
  ]);
  await writeFile(
    join(folder, "hba.conf"),
    "local all all peer map=weir\nhostssl all all 127.0.0.1/32 scram-sha-256\n",
  );
  const port = await freePort();
  // root's key file is accepted when only its group may read it
  const inline = {
    ssl: "on",
    ssl_cert_file: certificate,
    ssl_key_file: key,
    listen_addresses: "127.0.0.1",
    hba_file: join(folder, "hba.conf"),
    port: String(port),
  };
  await chmod(join(folder, "hba.conf"), 0o644);
  await chmod(certificate, 0o644);
  await handOver(key);
  const server = await startTestServer(t, { durable: false, extra: inline });
  await setRolePasswords(server.owner, { weir_app: "s3cret & strong" });
  const url = `postgresql://weir_app:${encodeURIComponent("s3cret & strong")}@localhost:${port}/weir`;
  return { url, certificate, ca: await readFile(certificate, "utf8"), server };
}

/** PostgreSQL requires its key to belong to its own user. */
async function handOver(key: string): Promise<void> {
  await chmod(key, 0o600);
  if (process.getuid?.() !== 0) return;
  const user = await run("id", ["-u", "postgres"]).then(
    () => "postgres",
    () => "nobody",
  );
  await run("chown", [user, key]);
}

test("an external server is reached over TLS, with a password and a verified certificate", {
  skip: !hasOpenssl,
}, async (t) => {
  const { url, ca, server } = await externalServer(t);
  const pool = openPool({ url, tls: { ca }, applicationName: "tls" });
  t.after(() => pool.close());
  const [row] = await pool.query<{ who: string; ssl: boolean }>({
    text: "select current_user as who, ssl from pg_stat_ssl where pid = pg_backend_pid()",
  });
  assert.deepEqual(row, { who: "weir_app", ssl: true });
  await assert.rejects(
    pool.query({ text: "select pg_sleep(20)" }, { signal: AbortSignal.timeout(50) }),
    { name: "TimeoutError" },
  );

  const heard = Promise.withResolvers<void>();
  const notifications = openNotifications({ url, tls: { ca }, applicationName: "tls" });
  t.after(() => notifications.close());
  notifications.subscribe("weir_raw", heard.resolve);
  const repeat = setInterval(() => void server.owner.query({ text: "notify weir_raw" }), 20);
  await heard.promise.finally(() => clearInterval(repeat));
});

test("TLS can be asked for in the URL, as the configuration has it", {
  skip: !hasOpenssl,
}, async (t) => {
  const { url, certificate, server } = await externalServer(t);
  const verified = `${url}?sslmode=verify-full&sslrootcert=${encodeURIComponent(certificate)}`;
  const pool = openPool({ url: verified, applicationName: "tls url" });
  t.after(() => pool.close());
  const [row] = await pool.query<{ ssl: boolean }>({
    text: "select ssl from pg_stat_ssl where pid = pg_backend_pid()",
  });
  assert.deepEqual(row, { ssl: true });
  const heard = Promise.withResolvers<void>();
  const notifications = openNotifications({ url: verified, applicationName: "tls url" });
  t.after(() => notifications.close());
  notifications.subscribe("weir_raw", heard.resolve);
  const repeat = setInterval(() => void server.owner.query({ text: "notify weir_raw" }), 20);
  await heard.promise.finally(() => clearInterval(repeat));

  await using unknown = openPool({ url: `${url}?sslmode=verify-full`, applicationName: "tls url" });
  await assert.rejects(unknown.query({ text: "select 1" }), /self-signed certificate/);
});

test("an untrusted certificate, no TLS, or a wrong password is refused", {
  skip: !hasOpenssl,
}, async (t) => {
  const { url, ca } = await externalServer(t);
  const attempt = async (options: { url: string; tls?: { ca?: string } }): Promise<unknown> => {
    await using pool = openPool({ ...options, applicationName: "tls", max: 1 });
    return await pool.query({ text: "select 1" }).catch((error: unknown) => error);
  };
  const unknown = await attempt({ url, tls: {} });
  assert.match(String(unknown), /self-signed certificate/);
  const plain = await attempt({ url });
  assert.ok(plain instanceof DatabaseError && plain.code === "28000", String(plain));
  const wrong = await attempt({ url: url.replace("s3cret", "secret"), tls: { ca } });
  assert.ok(wrong instanceof DatabaseError && wrong.code === "28P01", String(wrong));
  assert.equal(wrong.retryable, false);
  assert.doesNotMatch(String(wrong), /strong/);
});
