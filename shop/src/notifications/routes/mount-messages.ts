import { randomUUID } from "node:crypto";
import type { Bus } from "../../bus/bus.ts";
import type { CloudEvent } from "../../bus/cloud-event.ts";
import type { App } from "../../foundation/http-app.ts";
import type { Logger } from "../../foundation/logger.ts";
import { Problem, type ProblemKind, problemKinds } from "../../foundation/problems.ts";
import { type CallerTokens, requireCaller } from "../../foundation/tokens.ts";
import type { Deliver } from "../deliver.ts";
import { type Language, languages, messageRequestType } from "../kinds.ts";
import type { SignInRequest } from "../message-content.ts";
import { isMailAddress } from "../notification.ts";

interface Body {
  readonly template: "sign_in_link";
  readonly to: string;
  readonly language: Language;
  readonly data: { readonly link: string; readonly minutes: number; readonly user_id?: string };
}

const body = {
  type: "object",
  additionalProperties: false,
  required: ["template", "to", "language", "data"],
  properties: {
    template: { enum: ["sign_in_link"] },
    to: { type: "string", maxLength: 320 },
    language: { enum: languages },
    data: {
      type: "object",
      additionalProperties: false,
      required: ["link"],
      properties: {
        link: { type: "string", minLength: 1, maxLength: 2_000 },
        minutes: { type: "integer", minimum: 1, maximum: 1_440, default: 15 },
        user_id: { type: "string", minLength: 1, maxLength: 200 },
      },
    },
  },
} as const;

const notAccepted: ProblemKind = {
  code: "message_not_accepted",
  status: 503,
  title: "The message could neither be sent nor queued",
};

export interface MessageRoutes {
  readonly tokens: CallerTokens;
  readonly bus: Pick<Bus, "publish">;
  readonly deliver: Deliver;
  readonly logger: Logger;
}

/**
 * `POST /messages`: sends at once, so that a sign-in works while the bus is down; what fails is queued and
 * tried again with the order messages. The header Idempotency-Key makes a repetition the same message.
 */
export function mountMessages(app: App, { tokens, bus, deliver, logger }: MessageRoutes): void {
  app.post<{ Body: Body }>(
    "/messages",
    { schema: { body }, onRequest: requireCaller(tokens, ["storefront"]), handlerTimeout: 60_000 },
    async ({ body: wanted, headers }, reply) => {
      const message = toMessage(wanted, headers["idempotency-key"]);
      try {
        await deliver(message, AbortSignal.timeout(30_000));
        return reply.code(202).send({ id: message.id, state: "sent" });
      } catch (error) {
        logger.warn({ message: message.id, reason: String(error) }, "a message is queued");
      }
      try {
        await bus.publish([message]);
      } catch (error) {
        logger.warn({ message: message.id, reason: String(error) }, "a message was not accepted");
        throw new Problem(notAccepted, "Send it again, with the same Idempotency-Key.");
      }
      return reply.code(202).send({ id: message.id, state: "queued" });
    },
  );
}

function toMessage(wanted: Body, key: string | string[] | undefined): CloudEvent<SignInRequest> {
  const { template, to, language, data } = wanted;
  if (!isMailAddress(to)) {
    throw new Problem(problemKinds.invalid_request, "body: to must be one mail address");
  }
  if (!/^https?:$/.test(URL.parse(data.link)?.protocol ?? "")) {
    throw new Problem(
      problemKinds.invalid_request,
      "body: data.link must be an address of the web",
    );
  }
  if (key !== undefined && !/^[\x21-\x7e]{1,200}$/.test(String(key))) {
    const detail = "Idempotency-Key must have 1 to 200 printable characters without blanks";
    throw new Problem(problemKinds.invalid_request, detail);
  }
  return {
    specversion: "1.0",
    id: `message:${key ?? randomUUID()}`,
    source: "/shop/notifications",
    type: messageRequestType,
    time: new Date().toISOString(),
    datacontenttype: "application/json",
    data: { template, to, language, ...data },
  };
}
