import { hash } from 'node:crypto'
import type { RandomSource } from '../support/random.ts'
import { offerHeader } from './permessage-deflate.ts'
import type { WsConnectRequest } from './request.ts'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** A fresh `Sec-WebSocket-Key`: 16 random bytes (RFC 6455 4.1 item 7). */
export function newUpgradeKey(random: RandomSource): string {
  return Buffer.from(random.bytes(16)).toString('base64')
}

/** The `Sec-WebSocket-Accept` that answers `key` (RFC 6455 4.2.2 item 5.4). */
export function acceptFor(key: string): string {
  return hash('sha1', key + GUID, 'base64')
}

/** The opening handshake, in the order in which browsers send it; the user's headers follow in theirs. */
export function buildUpgradeRequest(
  request: Pick<WsConnectRequest, 'url' | 'headers' | 'subprotocols' | 'perMessageDeflate'>,
  key: string,
): Uint8Array {
  const { url, headers, subprotocols, perMessageDeflate } = request
  const isHost = ([name]: readonly [string, string]): boolean => name.toLowerCase() === 'host'
  const lines = [
    `GET ${url.pathname}${url.search} HTTP/1.1`,
    // `url.host` has the port only when it is not the default, and brackets around IPv6.
    `Host: ${headers.find(isHost)?.[1] ?? url.host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${key}`,
  ]
  if (subprotocols.length > 0) lines.push(`Sec-WebSocket-Protocol: ${subprotocols.join(', ')}`)
  if (perMessageDeflate !== undefined) lines.push(`Sec-WebSocket-Extensions: ${offerHeader(perMessageDeflate)}`)
  for (const line of headers) if (!isHost(line)) lines.push(`${line[0]}: ${line[1]}`)
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
}
