/**
 * Requests as keys of the query store. Most are addresses that are read by GET; a query that does not
 * fit into an address is a POST with a body, and its key holds both.
 */
export interface Question {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body: unknown;
}

/** The key of a POST. Equal requests have equal keys. */
export function postKey(path: string, body: object): string {
  return `POST ${path} ${JSON.stringify(body)}`;
}

export function questionOf(key: string): Question {
  const post = /^POST (\S+) (.*)$/s.exec(key);
  if (post === null) return { method: "GET", path: key, body: undefined };
  const [, path = "", body = ""] = post;
  return { method: "POST", path, body: JSON.parse(body) };
}
