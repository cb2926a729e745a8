import type { Texts } from "../message.ts";

/** What surrounds an error. Titles of the server's own errors come from the server. */
export const error = {
  "error.permission": "Missing permission",
  "error.permission.how": "An administrator can grant it to the service {service}.",
  "error.code": "Code",
  "error.request": "Request ID",
  "error.unreachable": "Weir is not responding",
  "error.unreachable.text": "The server may be restarting, or the network connection is down.",
  "error.unreadable": "Unexpected response",
  "error.unreadable.text":
    "The response did not come from Weir. A proxy between this page and Weir may have answered instead.",
} as const satisfies Texts;
