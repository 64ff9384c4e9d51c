import type { AddressInfo } from 'node:net'
import { createConnection, createServer, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { ChoppedSocket, pieceSizes } from '../../../src/cli/chop.ts'

const take = (seed: number, n: number): number[] => {
  const next = pieceSizes(seed)
  return Array.from({ length: n }, () => next())
}

describe('pieceSizes', () => {
  test('equal seeds give equal sizes, others do not', () => {
    expect(take(7, 100)).toEqual(take(7, 100))
    expect(take(7, 100)).not.toEqual(take(8, 100))
  })

  test('every seed works, those that xorshift dislikes included', () => {
    for (const seed of [0, 1, 2 ** 32 - 1, 0x9e3779b9]) expect(new Set(take(seed, 100)).size).toBeGreaterThan(20)
  })

  test('sizes lie within 1 to 8192 and are small half of the time', () => {
    const sizes = take(3, 10_000)
    expect(Math.min(...sizes)).toBe(1)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(8192)
    const small = sizes.filter((size) => size < 91).length
    expect(small).toBeGreaterThan(4500)
    expect(small).toBeLessThan(5500)
  })
})

/** Records every write it is asked for. */
class Recorder extends Duplex {
  readonly pieces: Buffer[] = []
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.pieces.push(Buffer.from(chunk))
    done()
  }
}

describe('ChoppedSocket', () => {
  test('writes the bytes in order, in the pieces of its seed', async () => {
    const recorder = new Recorder()
    const chopped = new ChoppedSocket(recorder, 5)
    const bytes = Buffer.from(Array.from({ length: 50_000 }, (_, i) => i % 251))
    await new Promise((resolve) => chopped.write(bytes, resolve))
    expect(Buffer.concat(recorder.pieces).equals(bytes)).toBe(true)
    const sizes = recorder.pieces.map((piece) => piece.length)
    expect(sizes.slice(0, -1)).toEqual(take(5, sizes.length - 1))
  })

  test('pieces may span corked writes', async () => {
    const recorder = new Recorder()
    const chopped = new ChoppedSocket(recorder, 5)
    chopped.cork()
    for (let i = 0; i < 1000; i++) chopped.write(Buffer.from([i % 251]))
    const written = new Promise((resolve) => chopped.write(Buffer.from([0]), resolve))
    chopped.uncork()
    await written
    expect(Math.max(...recorder.pieces.map((piece) => piece.length))).toBeGreaterThan(1)
  })

  test('passes what it reads, and both ends, through', async () => {
    const accepted = new Promise<Socket>((resolve) => {
      const server = createServer({ allowHalfOpen: true }, (socket) => {
        server.close()
        resolve(socket)
      }).listen(0, '127.0.0.1', () => {
        const client = createConnection((server.address() as AddressInfo).port, '127.0.0.1')
        client.pipe(client)
      })
    })
    const socket = await accepted
    const chopped = new ChoppedSocket(socket, 1)
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251))
    chopped.end(bytes)
    const received: Buffer[] = []
    for await (const chunk of chopped) received.push(chunk as Buffer)
    expect(Buffer.concat(received).equals(bytes)).toBe(true)
    expect(socket.destroyed).toBe(true)
  })

  test('destroying it destroys the socket', () => {
    const socket = new Duplex({ read() {}, write() {} })
    new ChoppedSocket(socket, 1).destroy()
    expect(socket.destroyed).toBe(true)
  })

  test('an error of the socket is its own', async () => {
    const socket = new Duplex({ read() {}, write() {} })
    const chopped = new ChoppedSocket(socket, 1)
    const error = new Promise((resolve) => chopped.once('error', resolve))
    socket.destroy(new Error('reset'))
    expect(await error).toMatchObject({ message: 'reset' })
  })
})
