import type { shortcuts as en } from "../en/shortcuts.ts";
import { translationOf } from "../message.ts";

export const shortcuts = translationOf<typeof en>()({
  "shortcuts.title": "Klavye kısayolları",
  "shortcuts.on": "Tek tuşlu kısayolları etkinleştir",
  "shortcuts.then": "sonra",
  "shortcuts.go-overview": "Genel Bakış ekranına git",
  "shortcuts.go-live": "Canlı ekranına git",
  "shortcuts.go-search": "Arama ekranına git",
  "shortcuts.go-windows": "Pencereler ekranına git",
  "shortcuts.refresh": "Verileri yenile",
  "shortcuts.theme": "Sonraki temaya geç",
  "shortcuts.compare": "Önceki dönemi göster veya gizle (Genel Bakış)",
  "shortcuts.table": "Grafik ve tablo arasında geç (Genel Bakış)",
  "shortcuts.pause": "Duraklat veya devam et (Canlı)",
  "shortcuts.filter": "Filtreye (Canlı) veya arama alanına (Arama) git",
  "shortcuts.help": "Bu listeyi göster",
  "shortcuts.chart":
    "Grafikte ok tuşları imleci taşır, Home ve End ilk ve son noktaya gider, Escape imleci gizler.",
});
