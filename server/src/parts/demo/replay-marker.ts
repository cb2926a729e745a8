import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

interface Marker {
  /** The instant that the samples are shifted to, as RFC 3339. */
  readonly anchor: string;
  readonly replayed: boolean;
}

export interface ReplayMarker {
  /** The same at every start, so that an interrupted replay resumes with the same events. */
  readonly anchor: Date;
  readonly replayed: boolean;
  /** Records that all samples were sent: they are sent once per installation. */
  setReplayed(): void;
}

/** The state of the replay, kept in `file`, which is created when it is missing. */
export function openReplayMarker(file: string, now: Date): ReplayMarker {
  let marker: Marker = existsSync(file)
    ? (JSON.parse(readFileSync(file, "utf8")) as Marker)
    : { anchor: now.toISOString(), replayed: false };
  const write = () => writeFileSync(file, JSON.stringify(marker));
  mkdirSync(dirname(file), { recursive: true });
  write();
  return {
    anchor: new Date(marker.anchor),
    get replayed() {
      return marker.replayed;
    },
    setReplayed() {
      if (marker.replayed) return;
      marker = { ...marker, replayed: true };
      write();
    },
  };
}
