import type { ReactNode } from "react";
import { Frame } from "../../src/frame/frame.tsx";

export default function RoomsLayout({ children }: { children: ReactNode }) {
  return <Frame>{children}</Frame>;
}
