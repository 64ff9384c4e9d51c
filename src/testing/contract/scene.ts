import assert from 'node:assert/strict'
import type { WsConnectRequest, WsTimestampSource } from '../../connect/request.ts'
import type { WsDisconnectCause } from '../../errors/disconnect-cause.ts'
import { systemRandom } from '../../support/random.ts'
import type { WsLink } from '../../transport/transport.ts'
import type {
  ContractCase,
  ContractConnection,
  ContractEnvironment,
  ContractPeer,
  ContractTraits,
  ContractUpgrade,
} from './environment.ts'
import { LinkLog } from './link-log.ts'
import { WatchedLink } from './watched-link.ts'

/** A wait that takes longer, on the environment's clock, has failed. */
const PATIENCE_US = 10_000_000

export type RequestOverrides = Partial<
  Pick<
    WsConnectRequest,
    | 'limits'
    | 'timeouts'
    | 'subprotocols'
    | 'headers'
    | 'tls'
    | 'perMessageDeflate'
    | 'timestampSource'
    | 'inflateBinary'
    | 'plan'
  >
>

export const LIMITS: WsConnectRequest['limits'] = {
  maxFrameBytes: 2 * 1024 * 1024,
  maxMessageBytes: 2 * 1024 * 1024,
  maxLinkBytes: 64 * 1024,
}
export const TIMEOUTS: WsConnectRequest['timeouts'] = {
  dnsMs: 10_000,
  tcpMs: 10_000,
  proxyMs: 10_000,
  tlsMs: 10_000,
  upgradeMs: 10_000,
  totalMs: 30_000,
  attemptDelayMs: 250,
}

/** To a server of this machine, directly, with nothing special asked for. */
export function plainRequest(url: string, clock: WsConnectRequest['clock']): WsConnectRequest {
  return {
    url: new URL(url),
    headers: [],
    subprotocols: [],
    proxy: undefined,
    tls: {},
    lookup: async () => [{ address: '127.0.0.1', family: 4 }],
    family: 0,
    limits: LIMITS,
    timeouts: TIMEOUTS,
    socket: {},
    clock,
    random: systemRandom,
  }
}

/** One link under observation. */
export interface Watched {
  readonly link: WsLink
  readonly log: LinkLog
}

/** A link that is open, and the server's end of it. */
export interface OpenScene extends Watched {
  readonly peer: ContractConnection
}

/** What a case works with. Everything it opened is gone when it ends, and what every case must keep is checked. */
export class Scene {
  readonly traits: ContractTraits
  readonly #environment: ContractEnvironment
  readonly #peers: ContractPeer[] = []
  readonly #watched: Watched[] = []

  constructor(environment: ContractEnvironment) {
    this.#environment = environment
    this.traits = environment.traits
  }

  get clock(): ContractEnvironment['clock'] {
    return this.#environment.clock
  }

  /** Those of the transport. */
  get timestampSources(): readonly WsTimestampSource[] {
    return ['read', ...(this.#environment.transport.timestampSources ?? [])]
  }

  async listen(upgrade: ContractUpgrade): Promise<ContractPeer> {
    const peer = await this.#environment.listen(upgrade)
    this.#peers.push(peer)
    return peer
  }

  get secure(): ContractEnvironment['secure'] {
    return this.#environment.secure
  }

  /** Over TLS; only where there is {@link secure}. */
  async listenSecure(): Promise<ContractPeer> {
    const peer = await (this.secure as NonNullable<ContractEnvironment['secure']>).listen({ kind: 'accept' })
    this.#peers.push(peer)
    return peer
  }

  connect(url: string, overrides: RequestOverrides = {}): Watched {
    const log = new LinkLog()
    const request = { ...plainRequest(url, this.#environment.clock), ...overrides }
    const watch = log.calls
    const link = new WatchedLink(
      watch.during(() => this.#environment.transport.connect(request, log)),
      watch,
    )
    const watched = { link, log }
    this.#watched.push(watched)
    return watched
  }

  /** An open link to a server of its own. */
  async open(overrides: RequestOverrides = {}, upgrade: ContractUpgrade = { kind: 'accept' }): Promise<OpenScene> {
    const peer = await this.listen(upgrade)
    const watched = this.connect(peer.url, overrides)
    await this.until(() => watched.log.opened !== undefined || watched.log.cause !== undefined, 'onOpen')
    if (watched.log.opened === undefined) assert.fail(`not opened: ${watched.log.cause?.message}`)
    return { ...watched, peer: await peer.accepted() }
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    const start = this.#environment.clock.monoUs()
    while (!condition()) {
      this.#throwFailures()
      if (this.#environment.clock.monoUs() - start > PATIENCE_US) assert.fail(`waited in vain for ${what}`)
      await this.#environment.turn()
    }
  }

  #throwFailures(): void {
    for (const { log } of this.#watched) if (log.failure !== undefined) throw log.failure
  }

  /** Gives what must not happen its chance to happen. */
  async idle(turns = 50): Promise<void> {
    for (let i = 0; i < turns; i++) await this.#environment.turn()
  }

  async ended({ log }: Watched): Promise<WsDisconnectCause> {
    await this.until(() => log.cause !== undefined, 'onEnd')
    return log.cause as WsDisconnectCause
  }

  async finish(): Promise<void> {
    for (const { link } of this.#watched) link.terminate(TEARDOWN)
    await this.until(() => this.#watched.every(({ log }) => log.cause !== undefined), 'onEnd of every link at the end')
    // Events after onEnd show themselves only if they get the time to.
    await this.idle(5)
    for (const peer of this.#peers) await peer.close()
    this.#throwFailures()
    for (const { log } of this.#watched) assert.deepEqual(log.broken, [], 'rules of every link')
  }
}

const TEARDOWN: WsDisconnectCause = {
  kind: 'local-stop',
  code: 'ERR_TEARDOWN',
  message: 'the case is over',
  closeCode: 1006,
  closeReason: '',
}

export function contractCase(name: string, body: (scene: Scene) => Promise<void>): ContractCase {
  return {
    name,
    async run(environment) {
      const scene = new Scene(environment)
      try {
        await body(scene)
      } catch (error) {
        // What the body found says more than a failure to clean up behind it.
        await scene.finish().catch(() => {})
        throw error
      }
      await scene.finish()
    },
  }
}
