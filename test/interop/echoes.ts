import { createHash } from 'node:crypto'
import { expect } from 'vitest'
import type { InteropClient } from './client.ts'

export const MIB = 1024 * 1024
/** Around where the length field grows, and large. */
export const SIZES = [0, 1, 125, 126, 127, 65_535, 65_536, MIB, 16 * MIB]

/** Sends text and binary of `size` bytes and expects both back, byte for byte. */
export async function expectEchoes(client: InteropClient, size: number): Promise<void> {
  for (const payload of [textOf(size), bytesOf(size)]) {
    expect(client.connection.send(payload)).toBe('taken')
    const echo = await client.next()
    expect(echo.isText).toBe(typeof payload === 'string')
    expect(echo.byteLength).toBe(size)
    expect(digest(echo.bytes())).toBe(digest(payload))
  }
}

/** All of them are under way at once. */
export async function expectOrder(client: InteropClient, texts: readonly string[]): Promise<void> {
  for (const text of texts) expect(client.connection.send(text)).not.toBe('full')
  for (const text of texts) expect((await client.next()).text()).toBe(text)
}

/** Call with a connection that refuses frames of more than 8 KiB: what arrives has been fragmented. */
export async function expectFragmented(client: InteropClient): Promise<void> {
  client.connection.send('!fragments 4000 100001')
  const message = await client.next()
  expect(message.isText).toBe(false)
  expect(digest(message.bytes())).toBe(digest(Uint8Array.from({ length: 100_001 }, (_, i) => i % 251)))
}

/** Text of exactly `size` bytes in UTF-8, with characters of every length where there is room. */
function textOf(size: number): string {
  const unit = 'aé€😀'
  const unitBytes = 10
  return unit.repeat(Math.floor(size / unitBytes)) + 'z'.repeat(size % unitBytes)
}

/** Neither constant nor random: what a book or a bitmap is to a compressor. */
function bytesOf(size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  for (let i = 0; i < size; i++) bytes[i] = (i * i) >>> 7
  return bytes
}

const digest = (payload: string | Uint8Array): string => createHash('sha256').update(payload).digest('hex')
