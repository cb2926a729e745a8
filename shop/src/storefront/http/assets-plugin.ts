import type { App } from "../../foundation/http-app.ts";
import type { Assets } from "../assets/assets.ts";
import { acceptedEncoding } from "./compression.ts";

/** The address of an asset changes with its content, so browsers never ask again. */
export function mountAssets(app: App, assets: Assets): void {
  for (const [path, { type, plain, gzip, brotli }] of assets.files) {
    app.get(path, async (request, reply) => {
      const encoding = acceptedEncoding(request.headers["accept-encoding"]);
      if (encoding !== undefined) reply.header("content-encoding", encoding);
      return reply
        .header("cache-control", "public, max-age=31536000, immutable")
        .header("vary", "accept-encoding")
        .type(type)
        .send(encoding === "br" ? brotli : encoding === "gzip" ? gzip : plain);
    });
  }
  app.get("/favicon.ico", async (_request, reply) => reply.redirect(assets.icon));
  app.get("/robots.txt", async (_request, reply) =>
    reply
      .type("text/plain; charset=utf-8")
      .send(
        "User-agent: *\nDisallow: /cart\nDisallow: /checkout\nDisallow: /orders\nDisallow: /sign-in\n",
      ),
  );
}
