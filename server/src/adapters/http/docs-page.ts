/** `/openapi.json` and `/docs`, which shows it; `/asyncapi.json`, to which it links. */
import fastifySwagger from "@fastify/swagger";
import fastifySwaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance } from "fastify";
import type { Route } from "../../core/ports/route.ts";
import { asyncApiDocument } from "./asyncapi.ts";
import { openApiDocument } from "./openapi.ts";

export async function mountDocs(
  app: FastifyInstance,
  options: { readonly routes: readonly Route[]; readonly version: string },
): Promise<void> {
  const document = openApiDocument(options.routes, options.version);
  const text = JSON.stringify(document, null, 2);
  app.get("/openapi.json", (_request, reply) => {
    reply.header("content-type", "application/json; charset=utf-8").send(text);
  });
  const topics = JSON.stringify(asyncApiDocument(options.version), null, 2);
  app.get("/asyncapi.json", (_request, reply) => {
    reply.header("content-type", "application/json; charset=utf-8").send(topics);
  });
  await app.register(fastifySwagger, {
    mode: "static",
    specification: { document: document as never },
  });
  await app.register(fastifySwaggerUi, {
    routePrefix: "/docs",
    staticCSP: policy,
    uiConfig: {
      docExpansion: "list",
      tryItOutEnabled: true,
      persistAuthorization: false,
      // without it the page would send the document to validator.swagger.io
      validatorUrl: null,
    },
    theme: { title: "Weir API" },
    logo: { type: "image/svg+xml", content: Buffer.from(logo), href: "/", target: "_self" },
  });
}

/**
 * The plugin's own policy asks browsers for HTTPS, which Weir may not have, allows another site for
 * images, and blocks a style of the page's own.
 */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  // the one style element that the page adds to itself
  "style-src 'self' 'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

/** The dashboard's logo with the name; the plugin would show its own. */
const logo = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 116 32" height="40"><rect width="32" height="32" rx="7" fill="#0a655e"/><path d="M5 11h9c4 0 3.5 8 8 8h5M5 16h7c4.5 0 3.5 8 8 8h7" fill="none" stroke="#f7f6f2" stroke-width="2.6" stroke-linecap="round"/><text x="42" y="24" fill="#f7f6f2" font-family="system-ui, sans-serif" font-size="24" font-weight="600">Weir</text></svg>`;
