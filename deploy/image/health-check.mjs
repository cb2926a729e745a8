#!/usr/bin/env node
/**
 * The health check of the image: exit 0 when the `weir serve` of this container works, otherwise 1 with the
 * reason. It reads the state file of server/src/process/state-file.ts, because most processes of Weir open no
 * port, and asks one that serves HTTP whether it is ready.
 *
 * Plain JavaScript without dependencies: it runs every few seconds in each container and takes 50 ms of CPU; a
 * command of `weir`, which loads the configuration and TypeScript, would take 500.
 */
import { readFileSync } from "node:fs";

const answerLimitMs = 3_000;
const staleMs = Number(process.env["WEIR_SUPERVISOR_HEARTBEAT_TIMEOUT_MS"] ?? 5_000);
const path = process.env["WEIR_SUPERVISOR_STATE_PATH"] ?? "/run/weir/state.json";

/** @param {string} reason */
function unhealthy(reason) {
  process.stderr.write(`${reason}\n`);
  process.exit(1);
}

/** @returns {{ state: string, parts: string[], url: string | null, at_ms: number }} */
function readState() {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return unhealthy("the process is not ready yet");
  }
}

const { state, parts, url, at_ms } = readState();
const ageMs = Number(process.hrtime.bigint() / 1_000_000n) - at_ms;
// below zero: written before the machine was restarted
if (ageMs > staleMs || ageMs < 0) unhealthy(`no sign of life for ${ageMs} ms`);
if (state !== "ready") unhealthy(`the process is ${state}`);
if (url !== null) {
  const { get } = await import("node:http");
  const address = new URL("/health/ready", url);
  if (address.hostname === "0.0.0.0") address.hostname = "127.0.0.1";
  if (address.hostname === "[::]") address.hostname = "[::1]";
  const request = get(address, { timeout: answerLimitMs }, (response) => {
    if (response.statusCode !== 200) unhealthy(`${address.href} answers ${response.statusCode}`);
    process.exit(0);
  });
  request.on("timeout", () => unhealthy(`${address.href} does not answer`));
  request.on("error", (error) => unhealthy(`${address.href}: ${error.message}`));
}
process.stdout.write(`ok: ${parts.join(", ")}\n`);
