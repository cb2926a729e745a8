/**
 * A limit of bytes in memory that many request bodies share. It keeps requests that arrive together
 * within a bound that no number of connections raises.
 */

/** The share of one body. */
export interface Share {
  /** Takes `bytes` more; false if they do not fit, also after older shares gave way. */
  grow(bytes: number): boolean;
  /** Returns everything. Calls after the first have no effect. */
  release(): void;
}

export interface ByteBudget {
  /** `giveWay` is called when a younger share needs the room; without it a share keeps what it has. */
  open(giveWay?: () => void): Share;
  readonly used: number;
}

/**
 * When a body does not fit, those with `giveWay` that have been arriving for longest are dropped
 * first. A sender that is slow on purpose therefore loses its room to one that sends at once, and
 * cannot shut others out.
 */
export function createByteBudget(limit: number): ByteBudget {
  let used = 0;
  /** In the order in which they were opened. */
  const yielding = new Set<OpenShare>();

  class OpenShare implements Share {
    readonly giveWay: (() => void) | undefined;
    #bytes = 0;
    #isReleased = false;

    constructor(giveWay: (() => void) | undefined) {
      this.giveWay = giveWay;
    }

    grow(bytes: number): boolean {
      if (this.#isReleased || bytes > limit) return false;
      if (used + bytes > limit) this.#makeRoom(bytes);
      if (used + bytes > limit) return false;
      if (this.#bytes === 0 && this.giveWay !== undefined) yielding.add(this);
      this.#bytes += bytes;
      used += bytes;
      return true;
    }

    release(): void {
      this.#isReleased = true;
      used -= this.#bytes;
      this.#bytes = 0;
      yielding.delete(this);
    }

    #makeRoom(bytes: number): void {
      for (const older of yielding) {
        if (older === this) continue;
        older.release();
        older.giveWay?.();
        if (used + bytes <= limit) return;
      }
    }
  }

  return {
    open: (giveWay) => new OpenShare(giveWay),
    get used() {
      return used;
    },
  };
}
