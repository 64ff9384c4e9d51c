import { describe, expect, it } from 'vitest'
import { quoteBytes, quoteText, redactUrl } from '../../../src/support/redact.ts'

describe('redactUrl', () => {
  it.each([
    ['wss://user:pass@example.com:444/a/b?token=1#x', 'wss://example.com:444/a/b'],
    ['wss://example.com:443/', 'wss://example.com/'],
    ['ws://[::1]:80/x', 'ws://[::1]/x'],
    ['example.com/ws?token=1', 'example.com/ws'],
    ['user:pass@example.com/ws', 'example.com/ws'],
    ['wss://user:pass@example.com:99999/a?token=1', 'wss://example.com:99999/a'],
    ['wss://user:p@ss@:99999/a', 'wss://:99999/a'],
    ['localhost:8080/x?token=1', 'localhost:8080/x'],
    // Credentials with such a character in them, which ends the host: what is before it is a part of them.
    ['wss://user:pa#ss@example.com:444/a', 'wss://…'],
    ['wss://user:pa?ss@example.com:444/a', 'wss://…'],
    ['user:pa#ss@example.com', '…'],
    ['//user:pa#ss@example.com', '//…'],
    ['/login?mail=me@example.com', '/login'],
    ['/login?next=secret', '/login'],
    ['', ''],
  ])('%s', (url, expected) => {
    expect(redactUrl(url)).toBe(expected)
  })

  it('takes a URL as well', () => {
    expect(redactUrl(new URL('wss://u:p@example.com/x?y'))).toBe('wss://example.com/x')
  })

  it('is short and one line, whatever comes', () => {
    expect(redactUrl(`wss://example.com/${'x'.repeat(10_000)}`).length).toBeLessThan(210)
    expect(redactUrl(`${'/'.repeat(65_536)}@`)).toBe('//')
    expect(redactUrl('bad url\r\nforged: line')).toBe('bad url\\r\\nforged: line')
  })
})

describe('quotes', () => {
  it('escapes what is not printable ASCII', () => {
    expect(quoteBytes(Buffer.from('a"\\\r\n\0\x7f\xff', 'latin1'))).toBe('"a\\"\\\\\\r\\n\\x00\\x7f\\xff"')
    expect(quoteText('é\u2028')).toBe('"\\xe9\\u2028"')
  })

  it('cuts at 64', () => {
    expect(quoteBytes(new Uint8Array(64).fill(0x61))).toBe(`"${'a'.repeat(64)}"`)
    expect(quoteBytes(new Uint8Array(65).fill(0x61))).toBe(`"${'a'.repeat(64)}"…`)
    expect(quoteText('b'.repeat(65))).toBe(`"${'b'.repeat(64)}"…`)
  })
})
