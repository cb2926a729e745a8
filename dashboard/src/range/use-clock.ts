"use client";
import { useEffect, useState } from "react";

/** The current time in milliseconds, updated once a minute: ranges end on whole minutes. */
export function useMinute(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setTimeout(() => setNow(Date.now()), 60_000 - (Date.now() % 60_000) + 20);
    return () => clearTimeout(timer);
  });
  return now;
}
