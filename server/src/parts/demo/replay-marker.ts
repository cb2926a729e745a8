import { existsSync, readFileSync } from "node:fs";

interface Marker {
  /** The instant that the samples are shifted to, as RFC 3339. */
  readonly anchor: string;
  readonly replayed: boolean;
}

export interface ReplayMarker {
  /** The same at every start, so that an interrupted replay resumes with the same events. */
  readonly anchor: Date;
  readonly replayed: boolean;
  /** Records that all samples were sent: they are sent once per installation. Called again, it writes what failed. */
  setReplayed(): void;
}

export interface ReplayMarkerOptions {
  readonly now: Date;
  /** Writes the whole file or leaves the previous one, and throws. */
  readonly write: (file: string, content: string) => void;
}

/**
 * The state of the replay, kept in `file`, which is created when it is missing. While it cannot be written (a full
 * disk) the state is kept in memory.
 */
export function openReplayMarker(file: string, { now, write }: ReplayMarkerOptions): ReplayMarker {
  const isThere = existsSync(file);
  let marker: Marker = isThere
    ? (JSON.parse(readFileSync(file, "utf8")) as Marker)
    : { anchor: now.toISOString(), replayed: false };
  let isSaved = isThere;
  const save = () => {
    try {
      write(file, JSON.stringify(marker));
      isSaved = true;
    } catch {
      isSaved = false;
    }
  };
  if (!isSaved) save();
  return {
    anchor: new Date(marker.anchor),
    get replayed() {
      return marker.replayed;
    },
    setReplayed() {
      if (marker.replayed && isSaved) return;
      marker = { ...marker, replayed: true };
      save();
    },
  };
}
