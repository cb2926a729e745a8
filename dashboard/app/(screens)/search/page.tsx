import { SearchScreen } from "../../../src/search/search-screen.tsx";

export default function SearchPage() {
  return <SearchScreen />;
}
