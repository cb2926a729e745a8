/** A real Weir, as its users start it, with the services and keys of the shop. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CleanUp } from "../../../testing/database.ts";
import { until } from "../../../testing/until.ts";

export interface ShopWeir {
  readonly url: string;
  readonly keys: { readonly admin: string; readonly search: string; readonly browser: string };
  /** Calls its API as the administrator. */
  ask(path: string, body?: unknown): Promise<Record<string, unknown>>;
}

const main = fileURLToPath(new URL("../../../server/src/main.ts", import.meta.url));

/** @param origin of the shop's pages: their scripts may send events */
export async function startShopWeir(t: CleanUp, origin: string): Promise<ShopWeir> {
  const folder = mkdtempSync(join(tmpdir(), "weir-shop-"));
  const parameters = ["up", "--data", folder, "--port", "0", "--no-demo"];
  const child = spawn(process.execPath, [main, ...parameters], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, WEIR_HTTP_CORS_ORIGINS: origin },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk;
    });
  }
  const ended = new Promise((resolve) => child.once("exit", resolve));
  t.after(async () => {
    child.kill("SIGINT");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  const run = await until(
    () => {
      if (child.exitCode !== null) throw new Error(`weir up ended:\n${output}`);
      return readRun(folder);
    },
    {
      what: () => `weir up to be ready:\n${output}`,
      timeoutMs: Math.max(60_000, Number(process.env["WEIR_TEST_WAIT_MS"] ?? 0)),
    },
  );
  const admin = readFileSync(run.keys.admin, "utf8").trim();
  const ask = async (path: string, body?: unknown): Promise<Record<string, unknown>> => {
    const response = await fetch(run.url + path, {
      method: body === undefined ? "GET" : "POST",
      headers: { "x-api-key": admin, "content-type": "application/json" },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
    return JSON.parse(text) as Record<string, unknown>;
  };
  const keyOf = async (service: string, role: string): Promise<string> => {
    await ask("/api/services", { name: service, role });
    return String((await ask("/api/keys", { service }))["secret_key"]);
  };
  const keys = {
    admin,
    search: await keyOf("shop-storefront", "storefront"),
    browser: await keyOf("shop-browser", "service"),
  };
  return { url: run.url, keys, ask };
}

function readRun(
  folder: string,
): { readonly url: string; readonly keys: { readonly admin: string } } | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, "run.json"), "utf8"));
  } catch {
    return undefined; // not written yet
  }
}

/** A port that is held from now on; what arrives there is passed to the port of `connectTo`. */
export async function holdPort(
  t: CleanUp,
): Promise<{ readonly origin: string; connectTo(url: string): void }> {
  let target = "";
  const server = createServer((socket) => {
    const other = connect(Number(new URL(target).port), "127.0.0.1");
    socket.on("error", () => other.destroy());
    other.on("error", () => socket.destroy());
    socket.pipe(other).pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  t.after(() => void server.close());
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  return {
    origin: `http://127.0.0.1:${port}`,
    connectTo(url) {
      target = url;
    },
  };
}
