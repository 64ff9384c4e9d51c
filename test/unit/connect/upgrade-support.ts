import { expect } from 'vitest'
import { acceptFor } from '../../../src/connect/upgrade-request.ts'
import { UpgradeResponse, type UpgradeResult } from '../../../src/connect/upgrade-response.ts'

export const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
export const OFFER = { key: KEY, subprotocols: ['v1.json', 'v2.json'] }
export const OK = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
export const ACCEPT = `Sec-WebSocket-Accept: ${acceptFor(KEY)}\r\n`

/** Feeds `text` in chunks and returns the result, or undefined when more is wanted; glued gathers what follows. */
export function feed(text: string | Buffer, chunkSize: number, offer = OFFER): UpgradeResult | undefined {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'latin1') : text
  const response = new UpgradeResponse(offer)
  for (let at = 0; at < bytes.length; at += chunkSize) {
    const result = response.feed(bytes.subarray(at, at + chunkSize))
    if (result?.kind === 'accepted') {
      return { ...result, glued: Buffer.concat([result.glued, bytes.subarray(at + chunkSize)]) }
    }
    if (result !== undefined) return result
  }
  return undefined
}

export const summary = (result: UpgradeResult | undefined): unknown => {
  if (result?.kind !== 'failed') return result
  // A message quotes what had come, which depends on the chunks.
  const { message: _, ...rest } = result
  return rest
}

/** Every chunk size gives the same. */
export function everyWay(text: string, offer = OFFER): UpgradeResult | undefined {
  const whole = feed(text, Math.max(1, text.length), offer)
  const sizes = text.length > 4096 ? [1, 2, 1000, 4095] : Array.from({ length: text.length }, (_, i) => i + 1)
  for (const size of sizes) expect(summary(feed(text, size, offer)), `chunks of ${size}`).toEqual(summary(whole))
  return whole
}
