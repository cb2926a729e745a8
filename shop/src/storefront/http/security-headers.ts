export interface PolicyOptions {
  /** Where the browser sends events. */
  readonly weirOrigin: string | undefined;
  readonly secure: boolean;
}

/** Headers of every answer. No inline script or style is allowed: pages have none. */
export function securityHeaders({ weirOrigin, secure }: PolicyOptions): Record<string, string> {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src ${weirOrigin ?? "'none'"}`,
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ];
  return {
    "content-security-policy": policy.join("; "),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
    ...(secure ? { "strict-transport-security": "max-age=31536000" } : {}),
  };
}
