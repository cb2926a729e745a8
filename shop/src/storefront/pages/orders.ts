import type { Handler } from "../answer.ts";
import { type Html, html } from "../html.ts";
import { sumOf } from "../money.ts";
import { picture } from "../pictures/picture.ts";
import type { Message } from "../services/messages.ts";
import type { Order } from "../services/orders.ts";
import type { Visit } from "../visit/visit.ts";
import { ifAvailable } from "./available.ts";
import { emptyState, productName, productPath, unavailable } from "./parts.ts";
import { notFoundPage } from "./problem.ts";

export const ordersPage: Handler = async (shop, { visit, query }) => {
  const { user, texts } = visit;
  if (user === undefined) return { to: "/sign-in?return_to=%2Forders" };
  const after = query.get("after") ?? undefined;
  const { items, next } = await shop.orders.ordersOf(user.id, after);
  if (items.length === 0) {
    const action = { path: "/products", text: texts.allProducts };
    const content = emptyState({ title: texts.ordersEmpty, text: texts.ordersEmptyText, action });
    return { status: 200, title: texts.ordersTitle, content };
  }
  const content = html`<h1>${texts.ordersTitle}</h1><ul class="orders">${items.map((order) => orderCard(visit, order))}</ul>
${next !== null && html`<nav class="pages" aria-label="${texts.pages}"><a class="button" href="${`/orders?after=${encodeURIComponent(next)}`}">${texts.nextPage}</a></nav>`}`;
  return { status: 200, title: texts.ordersTitle, content };
};

/** The end of an id is random, its start is the time. */
function orderNumber(id: string): string {
  return id.slice(-8).toUpperCase();
}

function stateName({ texts }: Visit, state: string): string {
  const names: Readonly<Record<string, string>> = texts.states;
  return (Object.hasOwn(names, state) ? names[state] : undefined) ?? state;
}

function orderCard(visit: Visit, order: Order): Html {
  const { texts, formats } = visit;
  const number = orderNumber(order.id);
  const { items } = order;
  return html`<li class="order-card"><a href="${`/orders/${order.id}`}">
<span class="thumbs" aria-hidden="true">${items.slice(0, 4).map((item) => picture({ ...item, id: item.product_id }, `o${number}`, texts))}</span>
<span><strong>${texts.orderTitle(number)}</strong><span class="small">${texts.orderedOn(formats.date(order.created_at))}</span></span>
<span class="state ${order.state}">${stateName(visit, order.state)}</span>
<span class="line-price">${formats.money(order.total, order.currency)}</span></a></li>`;
}

/** Only the shopper's own: another one's order does not exist. */
export const orderPage: Handler = async (shop, { visit, params }) => {
  const { user, texts, formats } = visit;
  const id = params["id"] ?? "";
  if (!/^[\w-]{1,64}$/.test(id)) return notFoundPage(visit);
  if (user === undefined) return { to: `/sign-in?return_to=%2Forders%2F${id}` };
  const [order, messages] = await Promise.all([
    shop.orders.order(id),
    ifAvailable(shop.logger, shop.messages.ofOrder(id)),
  ]);
  if (order === undefined || order.user_id !== user.id) return notFoundPage(visit);
  const title = texts.orderTitle(orderNumber(order.id));
  const content = html`<div class="order"><h1>${title}</h1>
<p class="order-line"><span class="state ${order.state}">${stateName(visit, order.state)}</span> ${texts.orderedOn(formats.time(order.created_at))}</p>
<div class="with-summary"><div>
<section aria-labelledby="items"><h2 id="items">${texts.orderItems}</h2><ul class="lines">${order.items.map((item) => orderLine(visit, order, item))}</ul>
<p class="order-total"><span>${texts.total}</span> <strong>${formats.money(order.total, order.currency)}</strong></p></section>
${messageList(visit, messages)}</div>
<aside class="summary" aria-labelledby="history"><h2 id="history">${texts.orderHistory}</h2>
<ol class="history">${order.history.map(({ state, at }) => html`<li><strong>${stateName(visit, state)}</strong><time class="small" datetime="${at}">${formats.time(at)}</time></li>`)}</ol></aside>
</div></div>`;
  return { status: 200, title, content };
};

function orderLine(visit: Visit, { currency }: Order, item: Order["items"][number]): Html {
  const { texts, formats } = visit;
  return html`<li class="line"><div class="thumb" aria-hidden="true">${picture({ ...item, id: item.product_id }, "order", texts)}</div>
<div class="line-name"><a href="${productPath(item.product_id)}">${productName(visit, item.name)}</a><p class="small">${formats.count(item.quantity)} × ${formats.money(item.price, currency)}</p></div>
<p class="line-price">${formats.money(sumOf([item]), currency)}</p></li>`;
}

function messageList(visit: Visit, messages: readonly Message[] | undefined): Html {
  const { texts } = visit;
  return html`<section aria-labelledby="messages"><h2 id="messages">${texts.orderMessages}</h2>
${messages === undefined ? unavailable(visit, texts.serviceMessages) : messages.length === 0 ? html`<p>${texts.orderMessagesNone}</p>` : html`<ul class="messages">${messages.map((message) => messageCard(visit, message, 3))}</ul>`}</section>`;
}

/** Addresses in a message become links. `level` continues the headings of the page. */
export function messageCard(visit: Visit, message: Message, level: 2 | 3): Html {
  const { texts, formats } = visit;
  const time = formats.time(message.created_at);
  const subject =
    level === 2 ? html`<h2>${message.subject}</h2>` : html`<h3>${message.subject}</h3>`;
  return html`<li class="message">${subject}<p class="small">${texts.messageBy(message.channel, time)}</p>
<p class="message-text">${withLinks(message.text)}</p></li>`;
}

function withLinks(text: string): Html[] {
  return text
    .split(/(https?:\/\/[^\s<>"]+)/)
    .map((part, index) => (index % 2 === 1 ? html`<a href="${part}">${part}</a>` : html`${part}`));
}
