import { createHash } from "node:crypto";
import { errorCodes, errorTable } from "@weir/protocol";
import type { FastifyInstance } from "fastify";

const style =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:3rem auto;padding:0 1.5rem;color:#17202a;background:#fbfaf8}table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.45rem .6rem;border-bottom:1px solid #8884}code{font-size:.95em}tr:target{background:#f5c84266}@media(prefers-color-scheme:dark){body{color:#e8e6e1;background:#14171a}a{color:#8ab4f8}}";
const policy = `default-src 'none'; style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'; frame-ancestors 'none'`;

/** `/docs/errors#<code>`: where the `type` of every problem document points. */
export function mountErrorPage(app: FastifyInstance): void {
  const rows = errorCodes.map((code) => {
    const { status, retryable, title } = errorTable[code];
    return `<tr id="${code}"><td><code>${code}</code></td><td>${status}</td><td>${retryable ? "yes" : "no"}</td><td>${title}</td></tr>`;
  });
  const html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Errors of Weir</title><style>${style}</style></head><body><h1>Errors</h1><p>Every error is a problem document (RFC 9457) with one of these codes. “Retry” tells whether the same request, unchanged, may succeed later; see <code>Retry-After</code>. <a href="/docs">API reference</a></p><table><thead><tr><th>code</th><th>status</th><th>retry</th><th>meaning</th></tr></thead><tbody>${rows.join("")}</tbody></table></body></html>`;
  app.get("/docs/errors", (_request, reply) => {
    reply
      .headers({ "content-type": "text/html; charset=utf-8", "content-security-policy": policy })
      .send(html);
  });
}
