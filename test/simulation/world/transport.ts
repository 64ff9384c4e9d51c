import { establish } from '../../../src/connect/establish.ts'
import { RawLinkError, type RawLinkOpener } from '../../../src/connect/raw-link.ts'
import type { WsAddress, WsConnectRequest, WsTimestampSource } from '../../../src/connect/request.ts'
import { WsConnectError } from '../../../src/errors/disconnect-cause.ts'
import { internalError } from '../../../src/transport/end-causes.ts'
import type { WsLink, WsLinkEvents, WsTransport } from '../../../src/transport/transport.ts'
import { type Flavour, SimLink } from './link.ts'
import type { ClientLoop } from './loop.ts'
import { SimRawLink, type TlsFate } from './raw-link.ts'
import type { KernelWitness } from './sender.ts'
import type { Tcp } from './socket.ts'
import type { WorldTime } from './time.ts'

/** What becomes of one try to open a TCP connection. */
export type TcpFate =
  | { readonly kind: 'opened'; readonly tcp: Tcp; readonly tls: TlsFate }
  | { readonly kind: 'failed'; readonly code: string }
  /** SYN into the void: the deadline ends it. */
  | { readonly kind: 'never' }

export interface SimNetwork {
  /** ms until the outcome is known; then {@link opening} decides it. */
  handshakeMs(): number
  opening(address: WsAddress): TcpFate
}

/** Hears of every link that the actor asks for. */
export interface TransportWitness extends KernelWitness {
  connecting(link: SimLink): void
}

/**
 * A transport over the simulated network, made as `native` and `ws` are: `establish()` drives the raw link through the
 * true handshake bytes, and a link of frames follows.
 */
export class SimTransport implements WsTransport {
  readonly name: Flavour
  readonly timestampSources: readonly WsTimestampSource[]
  readonly #time: WorldTime
  readonly #loop: ClientLoop
  readonly #network: SimNetwork
  readonly #witness: TransportWitness

  constructor(flavour: Flavour, time: WorldTime, loop: ClientLoop, network: SimNetwork, witness: TransportWitness) {
    this.name = flavour
    this.timestampSources = flavour === 'native' ? ['callback', 'kernel'] : ['callback']
    this.#time = time
    this.#loop = loop
    this.#network = network
    this.#witness = witness
  }

  connect(request: WsConnectRequest, events: WsLinkEvents): WsLink {
    const link = new SimLink(request, events, this.name, this.#loop, this.#witness)
    this.#witness.connecting(link)
    establish(this.#open, request, link.abortSignal).then(
      (established) => queueMicrotask(() => link.established(established)),
      (error: unknown) =>
        queueMicrotask(() =>
          link.failed(
            error instanceof WsConnectError ? error.disconnectCause : internalError('connect', error as Error),
          ),
        ),
    )
    return link
  }

  readonly #open: RawLinkOpener<SimRawLink> = (address, _port, { signal }) =>
    new Promise((resolve, reject) => {
      let given = false
      let opened: Tcp | undefined
      const onAbort = (): void => {
        given = true
        opened?.destroy()
        reject(new RawLinkError('ABORT_ERR', 'the connection was given up'))
      }
      const settle = (fate: TcpFate): void => {
        if (given) return
        if (fate.kind !== 'never') signal.removeEventListener('abort', onAbort)
        if (fate.kind === 'opened') resolve(new SimRawLink(fate.tcp, fate.tls, this.#time, this.#loop))
        if (fate.kind === 'failed') reject(new RawLinkError(fate.code, `connect ${fate.code}`))
      }
      this.#time.setTimer(this.#network.handshakeMs(), () => {
        if (given) return
        const fate = this.#network.opening(address)
        if (fate.kind === 'opened') opened = fate.tcp
        if (fate.kind !== 'never') this.#loop.later(() => settle(fate))
      })
      signal.addEventListener('abort', onAbort, { once: true })
      if (signal.aborted) onAbort()
    })
}
