import type { Handler } from "../answer.ts";
import { html } from "../html.ts";
import { safePath } from "../security/safe-path.ts";
import { readEmail, userIdOf } from "../sign-in/email.ts";
import { eventOf } from "../visit/events.ts";
import type { Visit } from "../visit/visit.ts";
import { formToken } from "./layout.ts";
import { emptyState } from "./parts.ts";
import { tooManyPage } from "./problem.ts";

export const signInPage: Handler = async (_shop, { visit, query }) => {
  const returnTo = safePath(query.get("return_to"));
  if (visit.user !== undefined) return { to: returnTo };
  return { status: 200, title: visit.texts.signInTitle, content: form(visit, { returnTo }) };
};

interface Form {
  readonly returnTo: string;
  /** What was typed and is no address. */
  readonly wrong?: string;
}

function form(visit: Visit, { returnTo, wrong }: Form) {
  const { texts } = visit;
  const invalid = wrong !== undefined;
  return html`<div class="narrow"><h1>${texts.signInTitle}</h1>
${returnTo === "/checkout" && html`<p class="notice">${texts.signInForCheckout}</p>`}
<p>${texts.signInText}</p>
<form class="stack" method="post" action="/sign-in">${formToken(visit)}<input type="hidden" name="return_to" value="${returnTo}">
<label for="email">${texts.email}</label>
<input id="email" name="email" type="email" autocomplete="email" required maxlength="254" value="${wrong}"${invalid && html` aria-invalid="true" aria-describedby="email-error"`}>
${invalid && html`<p class="error" id="email-error">${texts.emailInvalid}</p>`}
<button>${texts.sendLink}</button></form></div>`;
}

/** Every address gets the same answer: the shop has no list of users that it could show. */
export const sendLink: Handler = async (shop, { visit, form: posted, address }) => {
  const returnTo = safePath(posted.get("return_to"));
  const typed = posted.get("email");
  const email = readEmail(typed);
  if (email === undefined) {
    const wrong = (typed ?? "").slice(0, 254);
    const content = form(visit, { returnTo, wrong });
    return { status: 422, title: visit.texts.signInTitle, content };
  }
  const now = shop.now();
  if (!shop.limits.signInByAddress.allow(address, now)) return tooManyPage(visit);
  // too many links for one mailbox: no further mail, and no sign of it
  if (shop.limits.signInByEmail.allow(email, now)) {
    const token = shop.links.create({ email, returnTo });
    await shop.messages.sendSignInLink({
      to: email,
      userId: userIdOf(shop.signer, email),
      language: visit.language,
      link: `${shop.publicUrl()}/sign-in/confirm?token=${token}`,
      minutes: shop.links.minutes,
    });
  }
  return { to: "/sign-in/sent", remember: { inbox: email } };
};

export const linkSentPage: Handler = async (shop, { visit }) => {
  const { texts, inbox } = visit;
  if (inbox === undefined) return { to: "/sign-in" };
  const content = html`<div class="empty"><h1>${texts.linkSentTitle}</h1><p>${texts.linkSentText(inbox)}</p>
${shop.demo && html`<p>${texts.linkSentDemo}</p><p><a class="button" href="/inbox">${texts.openInbox}</a></p>`}</div>`;
  return { status: 200, title: texts.linkSentTitle, content };
};

/** Opening a link changes nothing: mail programs and scanners open links too. The button signs in. */
export const confirmPage: Handler = async (shop, { visit, query }) => {
  const { texts } = visit;
  const token = query.get("token") ?? "";
  if (!shop.links.isOpen(token)) return usedLink(visit);
  const content = html`<div class="narrow"><h1>${texts.confirmTitle}</h1><p>${texts.confirmText}</p>
<form class="stack" method="post" action="/sign-in/confirm">${formToken(visit)}<input type="hidden" name="token" value="${token}"><button>${texts.confirmAction}</button></form></div>`;
  return { status: 200, title: texts.confirmTitle, content, private: true };
};

export const confirmSignIn: Handler = async (shop, { visit, form: posted }) => {
  const link = shop.links.take(posted.get("token") ?? "");
  if (link === undefined) return usedLink(visit);
  const user = { id: userIdOf(shop.signer, link.email), email: link.email };
  // both ids in one event: what Weir needs to know that the visitor is this user
  const identify = eventOf(shop, { ...visit, user }, { event_type: "identify" });
  return {
    to: link.returnTo,
    remember: { user, flash: { notice: { text: "signedIn" }, events: [identify] } },
  };
};

function usedLink({ texts }: Visit) {
  const action = { path: "/sign-in", text: texts.newLink };
  const content = emptyState({ title: texts.linkUsedTitle, text: texts.linkUsedText, action });
  return { status: 410, title: texts.linkUsedTitle, content, private: true };
}

export const signOut: Handler = async () => ({
  to: "/",
  remember: { user: null, seen: [], inbox: null, flash: { notice: { text: "signedOut" } } },
});
