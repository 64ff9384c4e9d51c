import { describe, expect, it } from 'vitest'
import { ClientFrames } from '../../../src/testing/server/client-frames.ts'
import { encodeServerFrame } from '../../support/raw-frames.ts'

const maskKey = Buffer.from([1, 2, 3, 4])
const frame = (payload: string, opcode = 1): Buffer => encodeServerFrame(opcode, payload, { maskKey })

function fed(bytes: Uint8Array, piece = bytes.length): ClientFrames {
  const frames = new ClientFrames()
  for (let at = 0; at < bytes.length; at += piece) frames.feed(bytes.subarray(at, at + piece))
  return frames
}

describe('ClientFrames', () => {
  it.each([5, 126, 70_000])('sees a frame of %d bytes cut at every place, and in any pieces', (length) => {
    const text = 'x'.repeat(length)
    const bytes = Buffer.concat([frame('before'), frame(text)])
    const begin = frame('before').length
    const header = frame(text).length - length
    for (const at of [1, 2, 3, 5, header - 1, header, header + 1, header + length - 1]) {
      for (const piece of [1, 3, 10_000]) {
        const cut = fed(bytes.subarray(0, begin + at), piece).cut()
        expect(cut).toMatchObject({ byteLength: at })
        expect(cut?.payload.toString()).toBe(text.slice(0, Math.max(0, Math.min(512, at - header))))
      }
    }
    expect(fed(bytes, 1).cut()).toBeUndefined()
    expect(fed(bytes).cut()).toBeUndefined()
  })

  it('does not count control frames', () => {
    expect(fed(frame('ping', 9).subarray(0, 7)).cut()).toBeUndefined()
    expect(fed(Buffer.concat([frame('ping', 9), frame('text').subarray(0, 1)])).cut()).toMatchObject({ byteLength: 1 })
  })
})
