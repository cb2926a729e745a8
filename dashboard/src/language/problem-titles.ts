import type { ErrorCode } from "@weir/protocol";

/** Titles of the error table in Turkish; in English the server's own stand. */
export const turkishTitles: Readonly<Record<ErrorCode, string>> = {
  malformed_json: "Gövde geçerli bir JSON değil",
  malformed_request: "İstek düzgün kurulmamış",
  invalid_query: "Bir sorgu parametresi geçersiz",
  unauthenticated: "Geçerli bir API anahtarı ya da oturum gönderilmedi",
  key_malformed: "API anahtarı yanlış yazılmış ya da eksik",
  key_expired: "API anahtarının süresi dolmuş",
  key_revoked: "API anahtarı iptal edilmiş",
  forbidden: "İzin eksik",
  csrf: "İstek bu sitenin sayfalarından gelmiyor",
  not_found: "Bu adreste bir şey yok",
  method_not_allowed: "Adres bu yöntemi kabul etmiyor",
  request_timeout: "Gövde zamanında gelmedi",
  conflict: "Bu kimlikte, başka içerikli bir olay var",
  already_exists: "Bu adda bir şey zaten var",
  too_large: "Gövde ya da olay çok büyük",
  unsupported_media_type: "Bu içerik türü ya da kodlama burada kabul edilmiyor",
  invalid_event: "Olay sözleşmeye uymuyor",
  invalid_request: "İstek gövdesi sözleşmeye uymuyor",
  rate_limited: "Anahtar şimdilik olay hakkını doldurdu",
  internal: "Weir'in içinde bir şey başarısız oldu",
  unavailable: "Olay şu anda saklanamıyor",
  overloaded: "Weir'in alabileceğinden fazlası bekliyor",
  search_unavailable: "Ürünler şu anda karşılaştırılamıyor",
  query_timeout: "Sorgu izin verilenden uzun sürdü",
};
