import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply } from "fastify";
import type { WeirError } from "../../core/errors.ts";
import type { Route } from "../../core/ports/route.ts";
import type { Answer } from "./answer-route.ts";
import type { IncomingRequest } from "./incoming-request.ts";
import { problemAnswer } from "./problems.ts";

/** What the framework knows of a request. */
type MountedRequest = Omit<IncomingRequest, "ip" | "repeatId">;
type AnswerMounted = (request: MountedRequest, response: ServerResponse) => Promise<Answer>;

/** Mounts one route in Fastify, GET routes for HEAD too; `answer` comes from `routeAnswerer`. */
export function mountRoute(app: FastifyInstance, route: Route, answer: AnswerMounted): void {
  app.route({
    method: route.method === "GET" ? ["GET", "HEAD"] : route.method,
    url: route.path,
    exposeHeadRoute: false,
    handler: async (request, reply) => {
      const { status, headers, body } = await answer(request, reply.raw);
      reply.code(status).headers(headers);
      if (body === undefined) return reply.send();
      // for HEAD, Fastify computes the length and Node leaves the body out
      if (typeof body === "string" || Buffer.isBuffer(body)) return reply.send(body);
      if (request.method === "HEAD") {
        // the length of a streamed body is not known before it is read
        await body[Symbol.asyncIterator]().return?.();
        return reply.send();
      }
      return reply.send(Readable.from(body));
    },
  });
}

export function sendProblem(
  reply: FastifyReply,
  error: WeirError,
  requestId: string,
): FastifyReply {
  const { status, headers, body } = problemAnswer(error, { requestId });
  return reply.code(status).headers(headers).send(body);
}
