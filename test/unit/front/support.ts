import { connect } from '../../../src/front/connect.ts'
import type { WsEvent, WsMessage } from '../../../src/front/events.ts'
import { OwnedMessage } from '../../../src/front/message.ts'
import type { ConnectOptions } from '../../../src/front/options.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { MessageBatch } from '../../../src/transport/message-batch.ts'
import { type MockServerLink, MockTransport } from '../../../src/transport/mock.ts'

/** An owned message made of a borrowed frame, whose memory is overwritten and which is released behind it. */
export function messageOf(payload: string | Uint8Array, monoUs = 0, connection = 1): WsMessage {
  const bytes = Buffer.from(payload as Uint8Array)
  const batch = new MessageBatch({ monoUs: () => 0, epochUs: () => 1000, setTimer: () => ({ cancel() {} }) })
  batch.add(bytes, typeof payload !== 'string', monoUs)
  let message: WsMessage | undefined
  batch.lend((lent) => {
    message = new OwnedMessage(lent.at(0), connection)
  })
  bytes.fill(0x7a)
  return message as WsMessage
}

/** One connection over the mock transport, whose time stands still; it heals with a `reconnect` of the caller's. */
export function mockConnection(
  options: ConnectOptions = {},
  url: Parameters<typeof connect>[0] = 'ws://host.example/',
  onConnect: (server: MockServerLink) => void = (server) => server.accept(),
) {
  const clock = new VirtualClock()
  const transport = new MockTransport({ onConnect })
  const heard: WsEvent[] = []
  const connection = connect(url, {
    connectBudget: false,
    reconnect: false,
    onEvent: (event) => heard.push(event),
    ...options,
    clock,
    transport,
  })
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
  if (event.kind === 'gap') return `gap${event.messages ?? ''}`
  if (event.kind === 'backpressure') return event.paused ? 'paused' : 'resumed'
  return event.kind
}
