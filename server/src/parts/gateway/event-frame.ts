import type { LogEvent } from "./read-log.ts";

/** The text of an `event` frame; built by hand because the payload is JSON text already. */
export function eventFrame(cursor: string, event: LogEvent): string {
  return `{"type":"event","cursor":"${cursor}","event":{${event.json}}}`;
}
