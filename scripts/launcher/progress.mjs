/**
 * Prints one line with what is being done and for how long; on a terminal the seconds count up.
 * @param {string} text
 * @returns {{ end(word: string): void }}
 */
export function reportProgress(text) {
  const began = performance.now();
  const seconds = () => ((performance.now() - began) / 1000).toFixed(0);
  const { stderr } = process;
  if (!stderr.isTTY) {
    stderr.write(`${text} …\n`);
    return { end: (word) => stderr.write(`… ${word} after ${seconds()} s.\n`) };
  }
  const draw = () => stderr.write(`\r${text} … ${seconds()} s`);
  draw();
  const timer = setInterval(draw, 1000);
  return {
    end(word) {
      clearInterval(timer);
      stderr.write(`\r${text} … ${word} after ${seconds()} s.\n`);
    },
  };
}
