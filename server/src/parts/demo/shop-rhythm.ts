/** How busy the demo shop is: a day and week rhythm, growth, and one campaign, the same at every start. */

import { createRandomBits } from "../../core/random.ts";
import { dayMs } from "./demo-event.ts";

const hourMs = 3_600_000;

/** Sunday first, as `getUTCDay` counts; the mean is 1. */
const weekdays = [0.94, 0.99, 0.97, 0.98, 1, 1.05, 1.07] as const;

/** The shop grows by a quarter in a month, until the demo starts. */
const growthPerDay = 0.22 / 30;

/** Days before the demo's first day, and how much busier they are. */
const campaignDays: Readonly<Record<number, number>> = { 17: 1.6, 16: 1.5, 15: 1.35 };

/**
 * Relative traffic at an instant; 1 is the mean of a day when the demo starts. Changes by less than a
 * quarter from one hour to the next, so that a comparison of hours stays readable.
 */
export function trafficAt(at: number, anchor: number): number {
  const [busier] = campaignOf(at, anchor);
  return dayRhythm(at) * weekRhythm(at) * growthAt(at, anchor) * busier * chanceOf(at);
}

/** Relative traffic at a time of day (UTC), with mean 1: low before dawn, high from noon to the evening. */
export function dayRhythm(at: number): number {
  const turn = (2 * Math.PI * (at % dayMs)) / dayMs;
  const hour = (2 * Math.PI) / 24;
  return 1 + 0.35 * Math.cos(turn - 15 * hour) + 0.1 * Math.cos(2 * (turn - 20.5 * hour));
}

/** Changes over the hours around midnight, not at midnight: people do not either. */
export function weekRhythm(at: number): number {
  const day = new Date(at).getUTCDay();
  const intoDay = (at % dayMs) / dayMs;
  const today = weekdays[day] ?? 1;
  const neighbour = weekdays[(day + (intoDay < 0.5 ? 6 : 1)) % 7] ?? 1;
  const share = Math.max(0, 0.5 - 4 * Math.min(intoDay, 1 - intoDay));
  return today * (1 - share) + neighbour * share;
}

/** Size of the shop relative to the start of the demo. */
export function growthAt(at: number, anchor: number): number {
  return at >= anchor ? 1 : Math.exp((growthPerDay * (at - anchor)) / dayMs);
}

/** How much busier the campaign makes the shop, and whether it runs. */
export function campaignOf(at: number, anchor: number): readonly [busier: number, runs: boolean] {
  const daysBack = Math.floor(anchor / dayMs) - Math.floor((at - 8 * hourMs) / dayMs);
  const busier = campaignDays[daysBack];
  return busier === undefined ? [1, false] : [busier, true];
}

/** No two days are the same: up to 4 % more or less, by the day. */
function chanceOf(at: number): number {
  const day = Math.floor(at / dayMs);
  return 0.96 + (0.08 * createRandomBits(day)()) / 2 ** 32;
}
