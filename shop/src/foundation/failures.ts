import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { DatabaseUnavailableError, hasSqlState } from "./database-failures.ts";
import type { Logger } from "./logger.ts";
import { Problem, type ProblemKind, problemKinds } from "./problems.ts";
import { ServiceUnavailableError } from "./service-client.ts";

export const problemType = "application/problem+json";

export function problemBody(
  kind: ProblemKind,
  detail: string,
  members: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const { code, status, title } = kind;
  return { type: "about:blank", title, status, code, detail, ...members };
}

interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly logger: Logger;
}

/** Answers any error of a request; what is not expected is logged and says nothing to the client. */
export function answerFailure(error: unknown, { request, reply, logger }: Exchange): FastifyReply {
  const problem = toProblem(error);
  if (problem.kind === problemKinds.internal_error) {
    logger.error({ request_id: request.id, error: describe(error) }, "a request failed");
  }
  if (problem.kind.status === 503) reply.header("retry-after", "1");
  return reply
    .code(problem.kind.status)
    .type(problemType)
    .send(
      problemBody(problem.kind, problem.message, { ...problem.members, request_id: request.id }),
    );
}

function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof DatabaseUnavailableError) {
    return new Problem(problemKinds.database_unavailable, "The database of this service is down.");
  }
  if (error instanceof ServiceUnavailableError) {
    return new Problem(problemKinds.service_unavailable, `The service ${error.service} is down.`, {
      service: error.service,
    });
  }
  // a character that PostgreSQL cannot store, e.g. U+0000
  if (hasSqlState(error, "22021")) {
    return new Problem(problemKinds.invalid_request, "A text contains the character U+0000.");
  }
  return isOfFramework(error) ? frameworkProblem(error) : internal();
}

function isOfFramework(error: unknown): error is FastifyError {
  return error instanceof Error && ("validation" in error || /^FST_/.test(codeOf(error)));
}

function frameworkProblem(error: FastifyError): Problem {
  const [first] = error.validation ?? [];
  if (first !== undefined) {
    const place = error.validationContext ?? "body";
    return new Problem(problemKinds.invalid_request, memberDetail(place, first));
  }
  if (codeOf(error) === "FST_ERR_HANDLER_TIMEOUT") {
    return new Problem(problemKinds.time_limit, "The request took longer than its limit.");
  }
  if (error.statusCode === 413) return new Problem(problemKinds.too_large, error.message);
  if (error.statusCode === 415) {
    return new Problem(problemKinds.unsupported_media_type, "Send application/json.");
  }
  if (error.statusCode !== undefined && error.statusCode < 500) {
    return new Problem(problemKinds.invalid_request, error.message);
  }
  return internal();
}

type Violation = NonNullable<FastifyError["validation"]>[number];

/** `body: items[0].quantity must be >= 1` */
function memberDetail(place: string, violation: Violation): string {
  const path = violation.instancePath
    .slice(1)
    .split("/")
    .filter((part) => part !== "")
    .map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`))
    .join("")
    .replace(/^\./, "");
  const where = path === "" ? place : `${place}: ${path}`;
  const added = violation.params["additionalProperty"];
  const allowed = violation.params["allowedValues"];
  if (typeof added === "string") return `${where} has the unknown member "${added}"`;
  if (Array.isArray(allowed)) return `${where} must be one of ${allowed.join(", ")}`;
  return `${where} ${violation.message ?? "is not valid"}`;
}

function internal(): Problem {
  return new Problem(
    problemKinds.internal_error,
    "The service failed; its log has the cause under the request's id.",
  );
}

function codeOf(error: Error): string {
  return "code" in error ? String(error.code) : "";
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
