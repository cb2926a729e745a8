import type { Handler } from "../answer.ts";
import { html } from "../html.ts";
import { userIdOf } from "../sign-in/email.ts";
import { messageCard } from "./orders.ts";
import { emptyState } from "./parts.ts";
import { notFoundPage } from "./problem.ts";

/** The messages to this visitor's address, in place of a mailbox. Only in a demo: it proves no one's identity. */
export const inboxPage: Handler = async (shop, { visit }) => {
  const { texts, inbox, user } = visit;
  if (!shop.demo) return notFoundPage(visit);
  const email = user?.email ?? inbox;
  const messages =
    email === undefined ? [] : await shop.messages.ofUser(userIdOf(shop.signer, email));
  if (messages.length === 0) {
    const action = { path: "/sign-in", text: texts.signIn };
    const empty = { title: texts.inboxEmpty, text: texts.inboxEmptyText };
    const content = emptyState(user === undefined ? { ...empty, action } : empty);
    return { status: 200, title: texts.inboxTitle, content };
  }
  const content = html`<div class="narrow"><h1>${texts.inboxTitle}</h1><p>${texts.inboxText}</p>
<ul class="messages">${messages.map((message) => messageCard(visit, message, 2))}</ul></div>`;
  return { status: 200, title: texts.inboxTitle, content };
};
