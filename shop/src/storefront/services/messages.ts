import type { ServiceClient } from "../../foundation/service-client.ts";
import type { Language } from "../language/language.ts";

export interface Message {
  readonly id: string;
  readonly template: string;
  readonly channel: string;
  readonly subject: string;
  readonly text: string;
  readonly created_at: string;
}

export interface Messages {
  ofOrder(orderId: string): Promise<readonly Message[]>;
  ofUser(userId: string): Promise<readonly Message[]>;
  sendSignInLink(message: SignInMessage): Promise<void>;
}

interface SignInMessage {
  readonly to: string;
  readonly userId: string;
  readonly language: Language;
  readonly link: string;
  readonly minutes: number;
}

export function createMessages(client: ServiceClient): Messages {
  const list = async (query: Record<string, string>): Promise<readonly Message[]> => {
    const path = `/notifications?${new URLSearchParams(query)}`;
    const { body } = await client.request({ method: "GET", path });
    return (body as { readonly items: readonly Message[] }).items;
  };
  return {
    ofOrder: (orderId) => list({ order_id: orderId }),
    ofUser: (userId) => list({ user_id: userId }),
    async sendSignInLink({ to, userId, language, link, minutes }) {
      await client.request({
        method: "POST",
        path: "/messages",
        body: { template: "sign_in_link", to, language, data: { link, minutes, user_id: userId } },
      });
    },
  };
}
