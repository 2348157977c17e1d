// Pages tell times as this browser's clock shows them (config/zones.py).
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const secure = location.protocol === "https:" ? "; secure" : "";
document.cookie = `zone=${zone}; path=/admin/; max-age=31536000; samesite=lax${secure}`;
