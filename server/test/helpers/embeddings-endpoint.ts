import { createServer } from "node:http";
import type { TestContext } from "node:test";
import { listenLocally } from "../../../testing/local-port.ts";

/** An endpoint of this machine whose vectors say which colours a text names. */
export async function startEndpoint(t: TestContext) {
  const asked: { readonly authorization: string | undefined; readonly texts: number }[] = [];
  const state = { down: false };
  const server = createServer((request, response) => {
    if (state.down) {
      response.statusCode = 503;
      response.end();
      return;
    }
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { input } = JSON.parse(Buffer.concat(chunks).toString()) as { input: string[] };
      asked.push({ authorization: request.headers.authorization, texts: input.length });
      const data = input.map((text, index) => ({
        index,
        embedding: [
          0.1,
          ...["red", "green", "blue"].map((colour) => Number(text.toLowerCase().includes(colour))),
        ],
      }));
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ data }));
    });
  });
  const port = await listenLocally(t, server);
  return { asked, state, url: `http://127.0.0.1:${port}/v1/embeddings?tenant=secret` };
}
