import type { LoggedEvent } from "../../core/event/event-message.ts";

/** An event whose payload is parsed at most once, when a subscription needs it. */
export interface ReadEvent {
  readonly logged: LoggedEvent;
  payload(): unknown;
}

export function readEvent(logged: LoggedEvent): ReadEvent {
  let parsed: { readonly value: unknown } | undefined;
  return {
    logged,
    payload() {
      parsed ??= { value: JSON.parse(String(logged.payload)) as unknown };
      return parsed.value;
    },
  };
}
