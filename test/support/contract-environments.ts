import { offerHeader } from '../../src/connect/permessage-deflate.ts'
import { systemClock } from '../../src/support/clock.ts'
import type {
  ContractConnection,
  ContractEnvironment,
  ContractPeer,
  ContractTraits,
  ContractUpgrade,
} from '../../src/testing/transport-contract.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { type MockServerLink, MockTransport } from '../../src/transport/mock.ts'
import type { WsTransport } from '../../src/transport/transport.ts'
import {
  type RawPeer,
  type RawScript,
  RawServer,
  type RawServerOptions,
  tlsFixture,
  tlsFixtureCa,
  upgrade,
} from './raw-server.ts'

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Real sockets over loopback, and a server that speaks WebSocket by hand. */
export function socketEnvironment(transport: WsTransport, traits: ContractTraits): ContractEnvironment {
  return {
    transport,
    traits,
    clock: systemClock,
    turn: nextTurn,
    listen: (how) => listenOnSocket(how),
    secure: { tls: { ca: tlsFixtureCa() }, listen: (how) => listenOnSocket(how, { tls: tlsFixture('localhost') }) },
  }
}

async function listenOnSocket(how: ContractUpgrade, options: RawServerOptions = {}): Promise<ContractPeer> {
  const server = await RawServer.listen({ ...options, script: scriptFor(how) })
  return {
    url: server.url,
    accepted: async () => socketConnection(await server.connection()),
    close: () => server.close(),
  }
}

function scriptFor(how: ContractUpgrade): RawScript {
  if (how.kind === 'accept') return upgrade.accept(how)
  if (how.kind === 'refuse') return upgrade.refuse(`${how.status} ${how.statusText}`, how.body, how.headers)
  return upgrade.silent()
}

async function socketConnection(peer: RawPeer): Promise<ContractConnection> {
  const request = await peer.request()
  return {
    requestHeader: (name) => request.header(name),
    get frames() {
      if (peer.defect !== undefined) throw peer.defect
      return peer.frames
    },
    get clientEnded() {
      return peer.end !== undefined
    },
    // Not through peer.write, which queues: on loopback the bytes are with the client when this returns.
    send: (bytes) => void peer.socket.write(bytes),
    stopReading: () => peer.stall(),
    startReading: () => peer.resume(),
    end: () => void peer.socket.end(),
    reset: () => peer.reset(),
  }
}

/** The mock, whose time moves a millisecond a turn. */
export function mockEnvironment(): ContractEnvironment {
  const clock = new VirtualClock()
  const upgrades = new Map<string, { readonly how: ContractUpgrade; readonly accepted: ContractConnection[] }>()
  const transport = new MockTransport({
    onConnect(server) {
      const { how, accepted } = upgrades.get(server.request.url.hostname) ?? {}
      server.answersPings = false
      server.answersClose = false
      if (how?.kind === 'refuse') server.refuse(how)
      if (how?.kind !== 'accept') return
      server.accept(how)
      if (how.glued !== undefined) server.sendBytes(how.glued)
      accepted?.push(mockConnection(server))
    },
  })
  return {
    transport,
    clock,
    traits: { exactDelivery: true, drains: true },
    async turn() {
      clock.advance(1)
      await nextTurn()
    },
    async listen(how) {
      const name = `peer${upgrades.size}.example`
      const accepted: ContractConnection[] = []
      upgrades.set(name, { how, accepted })
      return {
        url: `ws://${name}/`,
        async accepted() {
          const connection = accepted.shift()
          if (connection === undefined) throw new Error('accepted() is called when the client is open')
          return connection
        },
        close: async () => {},
      }
    },
  }
}

function mockConnection(server: MockServerLink): ContractConnection {
  const { request } = server
  const extensions = request.perMessageDeflate && offerHeader(request.perMessageDeflate)
  const subprotocols = request.subprotocols.length === 0 ? undefined : request.subprotocols.join(', ')
  return {
    requestHeader(name) {
      if (name === 'sec-websocket-protocol') return subprotocols
      if (name === 'sec-websocket-extensions') return extensions
      return request.headers.find(([key]) => key.toLowerCase() === name)?.[1]
    },
    get frames() {
      return server.frames.map(({ opcode, fin, compressed, wirePayload }) => {
        return { opcode, fin, compressed, payload: wirePayload }
      })
    },
    get clientEnded() {
      return server.clientEnded
    },
    send: (bytes) => server.sendBytes(bytes),
    stopReading: () => server.stall(),
    startReading: () => server.unstall(),
    end: () => server.end(),
    reset: () => server.reset(),
  }
}
