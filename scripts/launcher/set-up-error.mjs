/**
 * @param {unknown} error
 * @returns {string | undefined} `ENOENT` and the like
 */
export function codeOf(error) {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

/** The set-up failed, and the message tells the user what to do. */
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
