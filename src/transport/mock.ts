import type { WsConnectRequest } from '../connect/request.ts'
import { MockArrivals } from './mock-arrivals.ts'
import { MockLink } from './mock-link.ts'
import { MockServerLink } from './mock-server.ts'
import { MockWire } from './mock-wire.ts'
import type { WsLink, WsLinkEvents, WsTransport } from './transport.ts'

export { type MockAccept, type MockFrame, type MockRefusal, MockServerLink } from './mock-server.ts'

export interface MockTransportOptions {
  /**
   * Called on the clock for each attempt to connect, and decides it: `accept`, `refuse`, `fail`, at once or later, or
   * never. Default: accept.
   */
  readonly onConnect?: (server: MockServerLink) => void
}

/**
 * Connections in memory whose server is the test's to play:
 *
 * ```ts
 * const clock = new VirtualClock()
 * const transport = new MockTransport()
 * const connection = connect('ws://any.example/', { transport, clock })
 * const server = await transport.nextServer()
 * clock.advance(0)          // the server accepts
 * server.sendText('hello')
 * clock.advance(0)          // it arrives
 * ```
 *
 * Frames are real bytes of RFC 6455, so that chopping, stalling and dropping cut where a network would, and counters
 * are those of a kernel that takes what {@link MockServerLink.takeBytes} lets it. DNS, TCP and TLS take no time; their
 * failures are played with {@link MockServerLink.fail}. Everything happens on the clock of the request and nothing by
 * chance: with a `VirtualClock`, nothing moves unless time does.
 */
export class MockTransport implements WsTransport {
  readonly name = 'mock'
  /** A piece has arrived when it can be read, also while {@link MockServerLink.hold} or a pause keeps it from being read. */
  readonly timestampSources = ['callback', 'kernel'] as const
  readonly #onConnect: (server: MockServerLink) => void
  readonly #servers = new MockArrivals<MockServerLink>()

  constructor({ onConnect = (server) => server.accept() }: MockTransportOptions = {}) {
    this.#onConnect = onConnect
  }

  connect(request: WsConnectRequest, events: WsLinkEvents): WsLink {
    const wire = new MockWire(request.clock)
    const link = new MockLink(request, events, wire)
    const server = new MockServerLink(request, link, wire)
    this.#servers.add(server)
    request.clock.setTimer(0, () => {
      if (link.isConnecting) this.#onConnect(server)
    })
    return link
  }

  /** The server's ends of all attempts so far, in order. */
  get servers(): readonly MockServerLink[] {
    return this.#servers.all
  }

  /** The server's end of the next attempt that this has not given yet. Rejects when `signal` aborts. */
  nextServer(options?: { readonly signal?: AbortSignal }): Promise<MockServerLink> {
    return this.#servers.next(options)
  }
}
