/** What the stream knows of a user, for the erasure, which runs in another process. */
import type { Config } from "../config/schema.ts";
import type { UserHistory } from "../parts/erasure/ports.ts";
import { readProcessedEvents } from "../parts/log/processed-events.ts";
import type { InterestSettings } from "../parts/stream/points/interest.ts";
import { restoreUser } from "../parts/stream/write/restore-user.ts";

const dayMs = 86_400_000;

export function interestSettings({ stream }: Config): InterestSettings {
  const { half_life_days, ...weights } = stream.interest;
  return { ...weights, halfLifeMs: half_life_days * dayMs };
}

export function userHistory(interest: () => InterestSettings): UserHistory {
  return {
    async restore(connection, { dead, ...later }) {
      const events = await readProcessedEvents(connection, { reader: "stream", ...later });
      const left = events.filter(
        ({ serviceId, eventId }) => !dead.includes(`${serviceId}/${eventId}`),
      );
      await restoreUser(connection, left, interest());
    },
  };
}
