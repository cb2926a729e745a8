import { ServiceRefusedError, ServiceUnavailableError } from "../../foundation/service-client.ts";
import type { Answer, Handler, PageAnswer, Shop } from "../answer.ts";
import { type Html, html } from "../html.ts";
import { type Simulation, simulations } from "../services/orders.ts";
import { eventOf, type ShopEvent } from "../visit/events.ts";
import type { Flash, User, Visit } from "../visit/visit.ts";
import { loadCart, type ShownCart, summary } from "./cart.ts";
import { formToken } from "./layout.ts";
import { productName } from "./parts.ts";

export const checkoutPage: Handler = async (shop, { visit }) => {
  const { user } = visit;
  if (user === undefined) return { to: "/sign-in?return_to=%2Fcheckout" };
  const cart = await loadCart(shop, visit);
  if (cart.lines.length === 0) return { to: "/cart" };
  const started = checkoutEvent(shop, visit, { event_type: "checkout.started", cart });
  const page = showCheckout(visit, { user, cart, key: shop.newId(), simulate: "success" });
  return { ...page, events: [started] };
};

export const placeOrder: Handler = async (shop, { visit, form }) => {
  const { user } = visit;
  if (user === undefined) return { to: "/sign-in?return_to=%2Fcheckout" };
  const key = form.get("key") ?? "";
  const simulate = simulations.find((one) => one === form.get("simulate"));
  if (!/^[\w-]{16,64}$/.test(key) || simulate === undefined || visit.cart === undefined) {
    return { to: "/checkout" };
  }
  try {
    const order = await shop.orders.checkOut({
      // the key of another shopper's form is another key
      idempotencyKey: shop.signer.mac("checkout", `${user.id}\n${key}`),
      cart_id: visit.cart.id,
      user_id: user.id,
      anonymous_id: visit.visitorId,
      session_id: visit.sessionId,
      email: user.email,
      language: visit.language,
      simulate,
    });
    const events = [submitted(shop, visit, simulate)];
    return {
      to: `/orders/${order.id}`,
      remember: {
        cart: { id: visit.cart.id, count: 0 },
        flash: { notice: { text: "orderThanks" }, events },
      },
    };
  } catch (error) {
    if (error instanceof ServiceRefusedError) {
      const notice = await refusal(shop, error);
      const to = notice.text === "outOfStock" ? "/cart" : "/checkout";
      const events = [submitted(shop, visit, simulate)];
      return { to, remember: { flash: { notice, events } } };
    }
    if (!(error instanceof ServiceUnavailableError)) throw error;
    return unknownOutcome(shop, visit, { user, key, simulate });
  }
};

interface Attempt {
  readonly user: User;
  readonly key: string;
  readonly simulate: Simulation;
}

/** The order may exist: the form is shown again with its key, so that sending it again is the same order. */
async function unknownOutcome(shop: Shop, visit: Visit, attempt: Attempt): Promise<Answer> {
  const cart = await loadCart(shop, visit);
  const warning = html`<p class="notice bad" role="alert">${visit.texts.orderUnknown}</p>`;
  const page = showCheckout(visit, { ...attempt, cart, warning });
  return { ...page, status: 503 };
}

async function refusal(
  shop: Shop,
  error: ServiceRefusedError,
): Promise<NonNullable<Flash["notice"]>> {
  if (error.code === "payment_declined") return { text: "paymentDeclined" };
  if (error.code === "payment_timed_out") return { text: "paymentTimedOut" };
  if (error.code === "out_of_stock") {
    const items = error.problem["items"];
    const ids = Array.isArray(items) ? items.map((item) => String(item?.product_id)) : [];
    const products = await shop.products.getAll(ids).catch(() => []);
    const names = ids.map((id) => products.find((product) => product.id === id)?.name ?? id);
    return { text: "outOfStock", name: names.join(", ") };
  }
  shop.logger.warn({ code: error.code, detail: error.message }, "a checkout was refused");
  return { text: "checkoutChanged" };
}

interface CheckoutForm extends Attempt {
  readonly cart: ShownCart;
  readonly warning?: Html;
}

function showCheckout(
  visit: Visit,
  { user, cart, key, simulate, warning }: CheckoutForm,
): PageAnswer {
  const { texts, formats } = visit;
  const choices: Readonly<Record<Simulation, readonly [string, string]>> = {
    success: [texts.paySuccess, texts.paySuccessText],
    decline: [texts.payDecline, texts.payDeclineText],
    time_out: [texts.payTimeOut, texts.payTimeOutText],
  };
  const lines = cart.lines.flatMap(({ product, quantity }) =>
    product === undefined
      ? []
      : [
          html`<li><span>${formats.count(quantity)} × ${productName(visit, product.name)}</span></li>`,
        ],
  );
  const content = html`<h1>${texts.checkoutTitle}</h1>${warning}
<form class="with-summary" method="post" action="/checkout">${formToken(visit)}
<input type="hidden" name="key" value="${key}">
<div class="steps"><section aria-labelledby="contact"><h2 id="contact">${texts.contact}</h2><p>${texts.contactText(user.email)}</p></section>
<fieldset><legend><h2>${texts.payment}</h2></legend><p>${texts.paymentText}</p>
${simulations.map((one) => html`<label class="choice"><input type="radio" name="simulate" value="${one}"${one === simulate && html` checked`}><span><strong>${choices[one][0]}</strong><span class="small">${choices[one][1]}</span></span></label>`)}
</fieldset></div>
${summary(visit, cart, { title: html`<h2>${texts.yourOrder}</h2><ul class="short-lines">${lines}</ul>`, actions: html`<p><button class="wide">${texts.placeOrder}</button></p><p class="small">${texts.placeOrderOnce}</p>` })}
</form>`;
  return { status: 200, title: texts.checkoutTitle, content };
}

interface CheckoutFacts {
  readonly event_type: string;
  readonly cart: ShownCart;
}

function checkoutEvent(shop: Shop, visit: Visit, { event_type, cart }: CheckoutFacts): ShopEvent {
  const { amount, currency } = cart.total;
  const properties = { items: cart.count, total: Number(amount), currency };
  return eventOf(shop, visit, { event_type, properties });
}

function submitted(shop: Shop, visit: Visit, simulate: Simulation): ShopEvent {
  const properties = { payment: "card", simulate };
  return eventOf(shop, visit, { event_type: "checkout.submitted", properties });
}
