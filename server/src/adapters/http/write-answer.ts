import type { ServerResponse } from "node:http";
import type { Answer } from "./answer-route.ts";

/** Writes a whole answer on node:http's own response. `common` are the headers of every answer. */
export function writeAnswer(
  response: ServerResponse,
  { status, headers, body }: Answer,
  common: Readonly<Record<string, string>>,
): void {
  if (body !== undefined && typeof body !== "string" && !Buffer.isBuffer(body)) {
    throw new Error("only whole bodies can be written here");
  }
  const lines: string[] = [];
  for (const name in common) lines.push(name, common[name] as string);
  for (const name in headers) lines.push(name, headers[name] as string);
  if (status !== 204) {
    lines.push("content-length", String(body === undefined ? 0 : Buffer.byteLength(body)));
  }
  response.writeHead(status, lines);
  response.end(body);
}
