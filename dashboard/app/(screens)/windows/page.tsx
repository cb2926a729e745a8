import { WindowsScreen } from "../../../src/windows/windows-screen.tsx";

export default function WindowsPage() {
  return <WindowsScreen />;
}
