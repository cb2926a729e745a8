import { LiveScreen } from "../../../src/live/live-screen.tsx";

export default function LivePage() {
  return <LiveScreen />;
}
