/** The events of a page, taken through the steps. */
import type { LogPage, PageReader } from "../../core/ports/log.ts";
import { type DropReason, type ProductEvent, type StepOptions, takeSteps } from "./steps/steps.ts";
import type { DeadEvent } from "./write/prepare-page.ts";

export interface PageEvents {
  readonly events: readonly ProductEvent[];
  readonly dead: readonly DeadEvent[];
  readonly dropped: ReadonlyMap<DropReason, number>;
}

export async function readPageEvents(
  pages: PageReader,
  page: LogPage,
  options: { readonly steps: StepOptions | undefined; readonly signal: AbortSignal },
): Promise<PageEvents> {
  const { steps, signal } = options;
  const events: ProductEvent[] = [];
  const dead: DeadEvent[] = [];
  const dropped = new Map<DropReason, number>();
  let read = 0;
  const about = steps?.documents === true ? "all" : "products";
  for await (const chunk of pages.read(page, { about, signal })) {
    for (const event of chunk) {
      read++;
      const outcome = takeSteps(event, steps);
      if (outcome.kind === "ok") events.push(outcome.value);
      else if (outcome.kind === "drop") add(dropped, outcome.reason);
      else dead.push({ name: event, reason: outcome.reason, error: outcome.error });
    }
  }
  // events without a product were not even read
  add(dropped, "no_product", page.events - read);
  return { events, dead, dropped };
}

function add(counts: Map<DropReason, number>, reason: DropReason, by = 1): void {
  if (by > 0) counts.set(reason, (counts.get(reason) ?? 0) + by);
}
