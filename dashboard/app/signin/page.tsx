import { SignInScreen } from "../../src/sign-in/sign-in-screen.tsx";

export default function SignInPage() {
  return <SignInScreen />;
}
