/** The content of a request, read as its route declares it. */
import type { ServerResponse } from "node:http";
import { limits } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import type { Route } from "../../core/ports/route.ts";
import { type BodyBudgets, type BodyRules, readBody } from "./body.ts";
import type { IncomingRequest } from "./incoming-request.ts";
import { parseJsonBody } from "./json-body.ts";
import { bodyValidator } from "./parameters.ts";

/** Resolves with the validated value of a JSON body, or with the decoded bytes of others. */
export type ContentReader = (
  request: IncomingRequest,
  response: ServerResponse,
  unknownSender?: BodyRules["unknownSender"],
) => Promise<unknown>;

const jsonBodyLimit = 1024 * 1024;
const jsonTypes = ["application/json"];

/** Undefined for routes without a body. */
export function contentReader(route: Route, budgets: BodyBudgets): ContentReader | undefined {
  const { body } = route;
  if (body === undefined) return undefined;
  const accepts = body.kind === "json" ? jsonTypes : body.contentTypes;
  const limit = body.kind === "json" ? jsonBodyLimit : (body.limit ?? limits.batchBytes);
  const rules: BodyRules = { limit, budgets };
  const readBytes = (
    request: IncomingRequest,
    response: ServerResponse,
    unknownSender: BodyRules["unknownSender"],
  ) => {
    checkContentType(request.headers["content-type"], accepts);
    const own = unknownSender === undefined ? rules : { ...rules, unknownSender };
    return readBody(request.raw, response, own);
  };
  if (body.kind === "bytes") return readBytes;
  const validate = bodyValidator(body.schema);
  return async (request, response, unknownSender) => {
    const value = parseJsonBody(await readBytes(request, response, unknownSender));
    validate(value);
    return value;
  };
}

function checkContentType(header: string | undefined, accepts: readonly string[]): void {
  if (header !== undefined && accepts.includes(header)) return;
  const [type = "", ...parameters] = (header ?? "").toLowerCase().split(";");
  const name = type.trim();
  if (!accepts.includes(name) && !accepts.includes("*/*")) {
    throw new WeirError("unsupported_media_type", {
      detail: `content-type "${name.slice(0, 80)}" is not supported here; send ${accepts.join(" or ")}`,
      headers: { accept: accepts.join(", ") },
    });
  }
  for (const parameter of parameters) {
    const [key = "", value = ""] = parameter.trim().split("=");
    const charset = value.replaceAll('"', "");
    // Fastify reads any charset as UTF-8 and corrupts the text; JSON is UTF-8 (RFC 8259, 8.1).
    if (key === "charset" && charset !== "utf-8" && charset !== "utf8") {
      throw new WeirError("unsupported_media_type", {
        detail: `charset "${charset.slice(0, 40)}" is not supported; JSON is UTF-8`,
      });
    }
  }
}
