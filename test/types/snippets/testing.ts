import { connect } from 'shared-ws'
import {
  EmbeddedExchange,
  type ExchangeLogEntry,
  ExchangeProcess,
  JsonRpcDelegatedEndpoint,
  jsonRpc,
  MockServer,
  MockTransport,
  NoReconnect,
  NoSubscriptions,
  SeededRandom,
  VirtualClock,
} from 'shared-ws/testing'

const transport = new MockTransport()
export const connection = connect('wss://example.com', { transport })

export async function exchange(): Promise<readonly ExchangeLogEntry[]> {
  const embedded = await EmbeddedExchange.start({ rate: 100, chaos: { faultEveryMs: 500 } })
  embedded.setFate('q-1', 'never')
  await embedded.stop()
  const process = await ExchangeProcess.start({ seed: 7 })
  await process.stall({ forMs: 100, thenDrop: 'rst' })
  const log = await process.log()
  await process.stop()
  return log
}

export async function server(): Promise<string> {
  const mock = await MockServer.listen()
  const peer = await mock.connection({ timeoutMs: 1000 })
  const message = await peer.receive()
  peer.drop('fin')
  await mock.stop()
  return message.text()
}

export const endpoint = new JsonRpcDelegatedEndpoint({ credentials: { clientId: 'a', clientSecret: 'b' } })
export const frame: string = jsonRpc('public/test')('1')
export const seams = [new VirtualClock(), new SeededRandom(1), NoReconnect, NoSubscriptions] as const

// @ts-expect-error a fate that does not exist
void EmbeddedExchange.start().then((embedded) => embedded.setFate('q-1', 'eaten'))
