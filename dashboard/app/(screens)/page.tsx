import { OverviewScreen } from "../../src/overview/overview-screen.tsx";

export default function OverviewPage() {
  return <OverviewScreen />;
}
