import type { NextConfig } from "next";

const config: NextConfig = {
  output: "export",
  // Weir serves `<path>/index.html`; see server/src/adapters/http/dashboard-files.ts.
  trailingSlash: true,
  transpilePackages: ["@weir/protocol"],
  images: { unoptimized: true },
  poweredByHeader: false,
  reactStrictMode: true,
  devIndicators: false,
  // `npm run check` runs the type checker; the first start need not wait for it.
  typescript: { ignoreBuildErrors: true },
};

export default config;
