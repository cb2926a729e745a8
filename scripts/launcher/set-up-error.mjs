/**
 * @param {unknown} error
 * @returns {string | undefined} `ENOENT` and the like
 */
export function codeOf(error) {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

/** The set-up cannot go on, and the message says to the user what to do about it. */
export class SetUpError extends Error {
  /**
   * @param {string} message
   * @param {number} [exitCode]
   */
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
