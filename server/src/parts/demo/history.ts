/**
 * What the demo shop sold before its first start: both samples and the simulated traffic, in parts. Each
 * part holds a quarter of one day's visits, and the days come in an order that fills weeks and months
 * evenly: a dashboard that is opened meanwhile compares quarters with quarters.
 */
import { categoryOf } from "./catalogue.ts";
import { type DemoEvent, dayMs } from "./demo-event.ts";
import { shopEvents } from "./rees46.ts";
import type { Samples } from "./samples.ts";
import type { Traffic } from "./traffic.ts";
import { retailEvents } from "./uci.ts";

const rounds = 4;

/**
 * The samples lie before the simulated traffic: they end where the sample ends, and inside a period that
 * is compared with another their orders, some of a hundred times the usual amount, would be a cliff.
 */
export const sampleDays = 14;

export interface History {
  /** Number of parts; the samples are the first one. */
  readonly parts: number;
  /** Number of events of all parts, approximately. */
  readonly events: number;
  /** The same events at every call. */
  part(index: number): DemoEvent[];
}

/** @param wholeDays before the day of the first start; 0: no history */
export function createHistory(samples: Samples, traffic: Traffic, wholeDays: number): History {
  const days = wholeDays === 0 ? 0 : wholeDays + 1;
  const order = evenOrder(days);
  const sampleEvents = samples.retail.length + samples.shop.length;
  return {
    parts: days === 0 ? 0 : 1 + rounds * days,
    events: days === 0 ? 0 : sampleEvents + traffic.historyEvents,
    part(index) {
      if (index === 0) {
        return [
          ...retailEvents(samples.retail, { end: traffic.origin, days: sampleDays, categoryOf }),
          ...shopEvents(samples.shop, { end: traffic.origin, days: sampleDays }),
        ].sort((a, b) => a.at - b.at);
      }
      const place = Math.floor((index - 1) / days);
      const from = traffic.origin + (order[(index - 1) % days] ?? 0) * dayMs;
      return traffic.historyOf({ from, to: from + dayMs, place, of: rounds });
    },
  };
}

/** The last three days first, as they are compared with each other; then steps of the golden ratio. */
function evenOrder(days: number): number[] {
  const order = [days - 1, days - 2, days - 3].filter((day) => day >= 0);
  for (let n = 0; order.length < days; n++) {
    const day = Math.floor(((0.5 + n * 0.6180339887498949) % 1) * days);
    if (!order.includes(day)) order.push(day);
  }
  return order;
}
