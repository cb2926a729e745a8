/** For a parent process that supervises this one and opened a channel to it (`stdio: "ipc"`). */

const beatMs = 1_000;

/**
 * Sends `{"type":"beat"}` now and every second, which shows that the event loop turns, and calls `onEnd` when the parent
 * ends. Does nothing without a channel.
 */
export function followParent(onEnd: () => void): void {
  if (process.send === undefined) return;
  const beat = () => {
    // the parent may end at any moment; `disconnect` reports that
    if (process.connected) process.send?.({ type: "beat" }, undefined, {}, () => {});
  };
  beat();
  setInterval(beat, beatMs).unref();
  process.on("disconnect", onEnd);
}
