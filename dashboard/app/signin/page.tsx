import { SignInScreen } from "../../src/signin/signin-screen.tsx";

export default function SignInPage() {
  return <SignInScreen />;
}
