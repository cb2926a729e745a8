import type { ReactNode } from "react";
import { Frame } from "../../src/frame/frame.tsx";

export default function ScreensLayout({ children }: { children: ReactNode }) {
  return <Frame>{children}</Frame>;
}
