import { MissingScreen } from "../src/frame/missing-screen.tsx";

export default function NotFound() {
  return <MissingScreen />;
}
