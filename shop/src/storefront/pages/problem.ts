import type { PageAnswer } from "../answer.ts";
import type { Visit } from "../visit/visit.ts";
import { emptyState } from "./parts.ts";

export function notFoundPage({ texts }: Visit): PageAnswer {
  const content = emptyState({
    title: texts.notFoundTitle,
    text: texts.notFoundText,
    action: { path: "/products", text: texts.allProducts },
  });
  return { status: 404, title: texts.notFoundTitle, content };
}

/** A service is down that the page cannot do without. */
export function unavailablePage(visit: Visit, service: string): PageAnswer {
  const { texts, path } = visit;
  const names: Readonly<Record<string, string>> = {
    orders: texts.serviceOrders,
    notifications: texts.serviceMessages,
  };
  const title = texts.unavailableTitle(names[service] ?? texts.serviceProducts);
  const action = { path, text: texts.retry };
  return {
    status: 503,
    title,
    content: emptyState({ title, text: texts.unavailableText, action }),
  };
}

export function brokenPage({ texts }: Visit): PageAnswer {
  const title = texts.brokenTitle;
  return { status: 500, title, content: emptyState({ title, text: texts.brokenText }) };
}

export function badFormPage({ texts }: Visit, status: number): PageAnswer {
  const title = texts.badFormTitle;
  return { status, title, content: emptyState({ title, text: texts.badFormText }) };
}

export function tooManyPage({ texts }: Visit): PageAnswer {
  const title = texts.tooManyTitle;
  return { status: 429, title, content: emptyState({ title, text: texts.tooManyText }) };
}
