"use client";
import { CrashedScreen } from "../src/frame/missing-screen.tsx";

export default function PageError({ reset }: { reset: () => void }) {
  return <CrashedScreen onRetry={reset} />;
}
