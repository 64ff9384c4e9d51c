import type { HeaderLines, WsTlsConfig } from '../../connect/request.ts'
import type { Clock } from '../../support/clock.ts'
import type { WsTransport } from '../../transport/transport.ts'

/** What a run of the contract suite needs: the transport, and a server that does exactly what it is told. */
export interface ContractEnvironment {
  readonly transport: WsTransport
  /** The clock of every request. */
  readonly clock: Clock
  readonly traits: ContractTraits
  /** Starts a server that answers every upgrade in this way. */
  listen(upgrade: ContractUpgrade): Promise<ContractPeer>
  /** The same over TLS, and what makes a client trust it. Absent where the transport has no TLS of its own. */
  readonly secure?: { readonly tls: WsTlsConfig; listen(upgrade: ContractUpgrade): Promise<ContractPeer> }
  /**
   * Lets the world go on a little: with real sockets one turn of the event loop (`setImmediate`), with a virtual clock a
   * step of time. Waits are loops over this, given up after 10 s of the clock.
   */
  turn(): Promise<void>
}

/** Where transports may differ. */
export interface ContractTraits {
  /** `delivery()` is `none`, `part` or `all`, never `unknown`. */
  readonly exactDelivery: boolean
  /** `drain()` reads; otherwise it returns false and leaves everything to the loop. */
  readonly drains: boolean
}

export type ContractUpgrade =
  | {
      readonly kind: 'accept'
      readonly subprotocol?: string
      readonly headers?: HeaderLines
      /** Sent in one piece with the response. */
      readonly glued?: Uint8Array
    }
  | {
      readonly kind: 'refuse'
      readonly status: number
      readonly statusText: string
      readonly headers: HeaderLines
      readonly body: string
    }
  /** Accepts the connection, reads, and says nothing. */
  | { readonly kind: 'silent' }

export interface ContractPeer {
  readonly url: string
  /** The next connection whose upgrade was accepted. */
  accepted(): Promise<ContractConnection>
  /** Drops every connection and stops listening. */
  close(): Promise<void>
}

/** The server's end of one connection. It answers nothing by itself, neither PING nor CLOSE nor FIN. */
export interface ContractConnection {
  /** A header of the client's request, or undefined. */
  requestHeader(name: string): string | undefined
  /** The client's frames so far, unmasked, in order. Reading them is checking them: they must be valid. */
  readonly frames: readonly ContractFrame[]
  /** The client has ended its side. */
  readonly clientEnded: boolean
  /** Sends bytes. With the trait `drains` they are in the client's socket when this returns, if it has room. */
  send(bytes: Uint8Array): void
  /** Takes nothing more from the client, so that its sends pile up. */
  stopReading(): void
  startReading(): void
  /** FIN. */
  end(): void
  /** RST. */
  reset(): void
}

export interface ContractFrame {
  readonly opcode: number
  readonly fin: boolean
  /** RSV1: the payload is compressed (RFC 7692 6). Allowed on data frames, once the server has agreed to it. */
  readonly compressed: boolean
  readonly payload: Uint8Array
}

/** One rule. `run` rejects with an `AssertionError` (or whatever was thrown) when the transport breaks it. */
export interface ContractCase {
  readonly name: string
  run(environment: ContractEnvironment): Promise<void>
}
