const reasons = [
  {
    codes:
      /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT)\b/,
    text: "The npm registry cannot be reached. Check the network and proxy (`npm ping`, `npm config get registry`), then run this again.",
  },
  {
    codes:
      /\b(SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT\w*|CERT_\w+)\b/,
    text: "The npm registry's certificate is not trusted. Behind a company proxy, point NODE_EXTRA_CA_CERTS at its certificate.",
  },
  {
    codes: /\b(ENOSPC|EDQUOT)\b/,
    text: "The disk is full. The dependencies take 850 MB, and the npm cache (`npm config get cache`) about 300 MB more.",
  },
  {
    codes: /\b(EACCES|EPERM|EROFS)\b/,
    text: "A folder is not writable. The user who runs this must own the checkout and the npm cache (`npm config get cache`).",
  },
  {
    codes: /\bEUSAGE\b/,
    text: "package.json and package-lock.json do not agree. After a change of dependencies run `npm install` once.",
  },
  {
    codes: /\bEINTEGRITY\b/,
    text: "A package differs from what the lock file says. Run `npm cache verify`, then this again.",
  },
];

/**
 * The message for an `npm ci` that failed, or that exited with 0 and left packages out, which happens to
 * optional packages without a network and to any package on a full disk.
 * @param {{ folder: string, output: string, missing: string[] }} failure
 */
export function explainNpmFailure({ folder, output, missing }) {
  const reason = reasons.find(({ codes }) => codes.test(output));
  const lines = output.trim().split("\n").slice(-12).join("\n  ");
  const npmOutput = lines === "" ? "" : `\nOutput of npm:\n  ${lines}`;
  if (missing.length === 0) return `${reason?.text ?? `npm ci failed in ${folder}.`}${npmOutput}`;
  const names = missing.slice(0, 5).map((path) => path.replace(/^.*node_modules\//, ""));
  const more = missing.length > names.length ? ` and ${missing.length - names.length} more` : "";
  return (
    `npm left out ${names.join(", ")}${more}. ` +
    `${reason?.text ?? "Check the network, then run this again."}${npmOutput}`
  );
}
