import type { WsMessage } from '../../../src/front/events.ts'
import { OwnedMessage } from '../../../src/front/message.ts'
import { WsFrame } from '../../../src/transport/frame.ts'

/** A live frame over memory of its own, as a transport would lend it. */
export function frameOf(payload: string | Uint8Array, monoUs = 0): WsFrame {
  const frame = new WsFrame()
  const bytes = Buffer.from(payload as Uint8Array)
  frame.backing = bytes
  frame.length = bytes.length
  frame.op = typeof payload === 'string' ? 1 : 2
  frame.isAscii = typeof payload === 'string' && bytes.every((byte) => byte < 0x80)
  frame.monoUs = monoUs
  frame.epochOffsetUs = 1000
  frame.live = 1
  return frame
}

export const messageOf = (payload: string | Uint8Array, monoUs = 0): WsMessage =>
  new OwnedMessage(frameOf(payload, monoUs), 1)
