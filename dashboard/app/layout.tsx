import type { Metadata, Viewport } from "next";
import type { ReactNode } from "react";
import "uplot/dist/uPlot.min.css";
import "../src/design/design.css";
import { AppProviders } from "../src/frame/app-providers.tsx";
import { NextNavigation } from "./next-navigation.tsx";

export const metadata: Metadata = {
  title: "Weir",
  robots: { index: false, follow: false },
  referrer: "no-referrer",
  icons: { icon: "/icon.svg" },
};
export const viewport: Viewport = {
  width: "device-width",
  initialScale: 1,
  themeColor: [
    { media: "(prefers-color-scheme: light)", color: "#f5f4ef" },
    { media: "(prefers-color-scheme: dark)", color: "#0e1413" },
  ],
};

export default function RootLayout({ children }: { children: ReactNode }) {
  return (
    <html lang="en" suppressHydrationWarning>
      <head>
        {/* Not deferred on purpose: theme and language must be set before the first paint. */}
        <script src="/boot.js" />
      </head>
      <body>
        <AppProviders>
          <NextNavigation>{children}</NextNavigation>
        </AppProviders>
      </body>
    </html>
  );
}
