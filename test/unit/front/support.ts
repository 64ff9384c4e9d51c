import { connect } from '../../../src/front/connect.ts'
import type { WsEvent, WsMessage } from '../../../src/front/events.ts'
import { OwnedMessage } from '../../../src/front/message.ts'
import type { ConnectOptions } from '../../../src/front/options.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { WsFrame } from '../../../src/transport/frame.ts'
import { type MockServerLink, MockTransport } from '../../../src/transport/mock.ts'

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

/** A connection over the mock transport, whose time stands still. */
export function mockConnection(
  options: ConnectOptions = {},
  url: Parameters<typeof connect>[0] = 'ws://host.example/',
  onConnect: (server: MockServerLink) => void = (server) => server.accept(),
) {
  const clock = new VirtualClock()
  const transport = new MockTransport({ onConnect })
  const heard: WsEvent[] = []
  const connection = connect(url, { onEvent: (event) => heard.push(event), ...options, clock, transport })
  /** Lets everything happen that needs no time, and then `ms`. */
  const pass = async (ms = 0): Promise<void> => {
    await turn()
    clock.advance(ms)
    await turn()
    clock.advance(0)
    await turn()
  }
  return { clock, transport, connection, heard, pass }
}

/** The same, open. */
export async function openConnection(options: ConnectOptions = {}) {
  const setup = mockConnection(options)
  const server = await setup.transport.nextServer()
  await setup.pass()
  if (setup.connection.state !== 'open') throw new Error(`the mock connection is ${setup.connection.state}`)
  return { ...setup, server }
}

/** Promises that can settle now have, afterwards. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** One word per event: text of a message, count of a gap, kind of another. */
export function word(event: WsEvent): string {
  if (event.kind === 'message') return event.text()
  if (event.kind === 'gap') return `gap${event.messages}`
  if (event.kind === 'backpressure') return event.paused ? 'paused' : 'resumed'
  return event.kind
}
