/**
 * What may appear in logs and errors. URLs lose query, fragment and credentials, where tokens live; bytes and texts of
 * a peer are cut and escaped, so that they can neither flood a log nor forge lines in it.
 */

const MAX_URL_CHARS = 200

/**
 * Scheme, host, port and path. Text that is no URL is cut at the first `?` or `#` and stripped of `user:password@`; of one
 * whose `@` comes only behind that, nothing is known to be no password.
 */
export function redactUrl(url: URL | string): string {
  const parsed = typeof url === 'string' ? parse(url) : url
  if (parsed !== undefined) return cut(`${parsed.protocol}//${parsed.host}${parsed.pathname}`, MAX_URL_CHARS)
  const text = String(url)
  const bare = text.split(/[?#]/, 1)[0] as string
  // No regular expression here: a server chooses the text (`Location`), and backtracking would let it stall us.
  const authority = bare.indexOf('//') + 2
  const at = bare.lastIndexOf('@')
  const isPath = bare.startsWith('/') && authority !== 2
  const scheme = authority > 1 && (at < 0 || authority <= at) ? bare.slice(0, authority) : ''
  if (at < 0 && text.includes('@') && !isPath) return cut(`${escapeText(scheme)}…`, MAX_URL_CHARS)
  return cut(escapeText(at < 0 ? bare : scheme + bare.slice(at + 1)), MAX_URL_CHARS)
}

/** `"…"` with at most `maxBytes` of `bytes`: printable ASCII as it is, everything else as `\xNN`. */
export function quoteBytes(bytes: Uint8Array, maxBytes = 64): string {
  let text = ''
  for (const byte of bytes.subarray(0, maxBytes)) text += escapeByte(byte)
  return `"${text}"${bytes.length > maxBytes ? '…' : ''}`
}

/** As {@link quoteBytes}, for text of the peer such as a header value. */
export function quoteText(text: string, maxChars = 64): string {
  return `"${escapeText(text.slice(0, maxChars))}"${text.length > maxChars ? '…' : ''}`
}

function parse(text: string): URL | undefined {
  // `URL.parse` does not exist on Node 20.
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  // A scheme without an authority ("localhost:8080", "data:…") has no part that is known to be free of secrets.
  return url.host === '' ? undefined : url
}

function escapeText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not get through
  return text.replace(/[\u0000-\u001f"\\\u007f-\uffff]/g, (char) => {
    const code = char.charCodeAt(0)
    return code < 0x100 ? escapeByte(code) : `\\u${code.toString(16).padStart(4, '0')}`
  })
}

function escapeByte(byte: number): string {
  if (byte === 0x0d) return '\\r'
  if (byte === 0x0a) return '\\n'
  if (byte === 0x22 || byte === 0x5c) return `\\${String.fromCharCode(byte)}`
  if (byte >= 0x20 && byte < 0x7f) return String.fromCharCode(byte)
  return `\\x${byte.toString(16).padStart(2, '0')}`
}

function cut(text: string, maxChars: number): string {
  return text.length > maxChars ? `${text.slice(0, maxChars)}…` : text
}
