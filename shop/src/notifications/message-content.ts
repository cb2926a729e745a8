import { UnprocessableMessage } from "../bus/bus.ts";
import type { CloudEvent } from "../bus/cloud-event.ts";
import { readOrder } from "../bus/order-events.ts";
import { type Language, languages, messageRequestType, orderKind } from "./kinds.ts";
import { type Draft, isMailAddress } from "./notification.ts";
import { type Rendered, renderOrder, renderSignIn } from "./templates/render.ts";

/** What a message asks for, and how it reads in a language. */
export interface MessageContent {
  /** Its language is that of the message. */
  readonly draft: Draft;
  render(language: Language): Rendered;
}

export interface Presentation {
  readonly timeZone: string;
  /** Of the storefront. */
  readonly storefrontUrl: string | undefined;
}

/** The data of a message that asks for a sign-in link. */
export interface SignInRequest {
  readonly template: "sign_in_link";
  readonly to: string;
  readonly language: Language;
  readonly link: string;
  /** How long the link works. */
  readonly minutes: number;
  readonly user_id?: string;
}

/** @throws UnprocessableMessage */
export function contentOf(message: CloudEvent, presentation: Presentation): MessageContent {
  const content =
    message.type === messageRequestType ? signIn(message) : orderContent(message, presentation);
  if (!isMailAddress(content.draft.recipient)) {
    throw new UnprocessableMessage(`${message.type}: the recipient is not one mail address`);
  }
  return content;
}

function orderContent(
  message: CloudEvent,
  { timeZone, storefrontUrl }: Presentation,
): MessageContent {
  const kind = orderKind(message.type);
  if (kind === undefined) throw new UnprocessableMessage(`no notification for ${message.type}`);
  const order = readOrder(message);
  const time = new Date(message.time);
  if (Number.isNaN(time.getTime())) throw new UnprocessableMessage('"time" is no time');
  const link =
    storefrontUrl === undefined
      ? undefined
      : `${storefrontUrl}/orders/${encodeURIComponent(order.id)}`;
  return {
    draft: {
      messageId: message.id,
      kind,
      orderId: order.id,
      userId: order.user_id,
      recipient: order.email,
      language: order.language,
    },
    render: (language) => renderOrder({ kind, order, language, time, timeZone, link }),
  };
}

function signIn(message: CloudEvent): MessageContent {
  const { data } = message;
  if (!isSignInRequest(data)) {
    throw new UnprocessableMessage(`${message.type}: data is not a request for a sign-in link`);
  }
  const { to, language, link, minutes, user_id: userId } = data;
  return {
    draft: {
      messageId: message.id,
      kind: "sign_in_link",
      recipient: to,
      language,
      ...(userId === undefined ? {} : { userId }),
    },
    render: (chosen) => renderSignIn({ language: chosen, link, minutes }),
  };
}

function isSignInRequest(data: unknown): data is SignInRequest {
  if (typeof data !== "object" || data === null) return false;
  const { template, to, language, link, minutes } = data as Partial<SignInRequest>;
  return (
    template === "sign_in_link" &&
    typeof to === "string" &&
    typeof link === "string" &&
    typeof minutes === "number" &&
    languages.some((known) => known === language)
  );
}
