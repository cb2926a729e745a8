import type { LanguageTexts } from "./template.ts";

const action = "View your order";

export const english: LanguageTexts = {
  locale: "en-GB",
  total: "Total",
  footer: "Weir Shop. You receive this message because of an order or a sign-in at our shop.",
  templates: {
    order_created: {
      subject: "We have received your order {order_number}",
      paragraphs: [
        "Thank you for your order of {date}.",
        "We will write to you again when your payment has arrived.",
      ],
      items: true,
      action,
    },
    order_paid: {
      subject: "Payment received for order {order_number}",
      paragraphs: ["We have received your payment of {total}. Your order is being prepared."],
      items: true,
      action,
    },
    order_shipped: {
      subject: "Your order {order_number} is on its way",
      paragraphs: ["Your order left our warehouse on {date}."],
      items: true,
      action,
    },
    order_delivered: {
      subject: "Your order {order_number} was delivered",
      paragraphs: ["Your order was delivered on {date}. Enjoy it!"],
      action,
    },
    order_cancelled: {
      subject: "Your order {order_number} was cancelled",
      paragraphs: [
        "Your order was cancelled on {date}.",
        "If you have paid already, you will get {total} back.",
      ],
      action,
    },
    order_refunded: {
      subject: "Refund for order {order_number}",
      paragraphs: ["We have refunded {total}. It may take a few days until your bank shows it."],
      action,
    },
    payment_failed: {
      subject: "The payment for order {order_number} failed",
      paragraphs: [
        "Your bank did not accept the payment of {total}.",
        "Nothing was charged. You can order again with another card.",
      ],
      action,
    },
    sign_in_link: {
      subject: "Your sign-in link",
      paragraphs: [
        "Use this link to sign in. It works once, for {minutes} minutes.",
        "If you did not ask for it, ignore this message.",
      ],
      action: "Sign in",
    },
  },
};
