import { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply } from "fastify";
import type { WeirError } from "../../core/errors.ts";
import type { Route } from "../../core/ports/route.ts";
import type { Answer, AskedRequest } from "./answer-route.ts";
import { problemAnswer } from "./problems.ts";

/** Mounts one route in Fastify; `answer` is what `routeAnswerer` made of it. */
export function mountRoute(
  app: FastifyInstance,
  route: Route,
  answer: (request: AskedRequest) => Promise<Answer>,
): void {
  app.route({
    method: route.method,
    url: route.path,
    exposeHeadRoute: false,
    handler: async (request, reply) => {
      const { status, headers, body } = await answer(request);
      reply.code(status).headers(headers);
      if (body === undefined) return reply.send();
      if (typeof body === "string" || Buffer.isBuffer(body)) return reply.send(body);
      return reply.send(Readable.from(body));
    },
  });
}

export function sendProblem(
  reply: FastifyReply,
  error: WeirError,
  requestId: string,
): FastifyReply {
  const { status, headers, body } = problemAnswer(error, requestId);
  return reply.code(status).headers(headers).send(body);
}
