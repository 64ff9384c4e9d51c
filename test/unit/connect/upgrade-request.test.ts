import { expect, it } from 'vitest'
import type { HeaderLines } from '../../../src/connect/request.ts'
import { buildUpgradeRequest, newUpgradeKey } from '../../../src/connect/upgrade-request.ts'

const build = (url: string, headers: HeaderLines = [], subprotocols: string[] = []): string[] =>
  Buffer.from(buildUpgradeRequest({ url: new URL(url), headers, subprotocols }, 'KEY=='))
    .toString('latin1')
    .split('\r\n')

it('sends the handshake in its order, then the headers of the user in theirs', () => {
  expect(
    build(
      'wss://example.com/a b?c=d',
      [
        ['X-B', 'é'],
        ['x-a', ''],
      ],
      ['v1', 'v2'],
    ),
  ).toEqual([
    'GET /a%20b?c=d HTTP/1.1',
    'Host: example.com',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: KEY==',
    'Sec-WebSocket-Protocol: v1, v2',
    'X-B: é',
    'x-a: ',
    '',
    '',
  ])
})

it.each([
  ['ws://example.com', 'example.com'],
  ['ws://example.com:80', 'example.com'],
  ['ws://example.com:443', 'example.com:443'],
  ['wss://example.com:443', 'example.com'],
  ['wss://[::1]', '[::1]'],
  ['wss://[::1]:9', '[::1]:9'],
])('names the host of %s', (url, host) => {
  expect(build(url).slice(0, 2)).toEqual(['GET / HTTP/1.1', `Host: ${host}`])
})

it('lets the user name another host, once and in its place', () => {
  const lines = build('ws://127.0.0.1:9/', [
    ['a', 'b'],
    ['host', 'example.com'],
  ])
  expect(lines.filter((line) => /^host:/i.test(line))).toEqual(['Host: example.com'])
  expect(lines[1]).toBe('Host: example.com')
})

it('makes a key of 16 random bytes', () => {
  const key = newUpgradeKey({ bytes: (n) => new Uint8Array(n).map((_, i) => i), float: () => 0 })
  expect([...Buffer.from(key, 'base64')]).toEqual(Array.from({ length: 16 }, (_, i) => i))
})
