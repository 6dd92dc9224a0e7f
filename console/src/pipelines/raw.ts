/** A record as it came: base64 of bytes, shown as text where it is UTF-8, else as hexadecimal digits. */
export function decoded(raw: string | null | undefined): string {
  if (!raw) return '';
  let bytes: Uint8Array;
  try {
    bytes = Uint8Array.from(atob(raw), letter => letter.charCodeAt(0));
  } catch {
    return raw;
  }
  try {
    return pretty(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join(' ');
  }
}

/** JSON is easier to read with its members on lines of their own. */
function pretty(text: string): string {
  if (!/^\s*[{[]/.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 1);
  } catch {
    return text;
  }
}
